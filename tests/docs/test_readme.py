"""The README's demo block holds what the committed results say, and nothing else."""

import copy
import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENTRY = {"accuracy": 0.9, "test_accuracy": 0.8912, "packed_bytes": 12345.0, "file_bytes": 14000.0}
RESULTS = {
    "final": ENTRY,
    "baseline": {**ENTRY, "accuracy": 0.92, "packed_bytes": 30000.0},
    "pareto": [
        {**ENTRY, "accuracy": 0.85, "packed_bytes": 9000.0},
        {**ENTRY, "accuracy": 0.80, "packed_bytes": 5000.0},
        {**ENTRY, "accuracy": 0.79, "packed_bytes": 7000.0},
    ],
    "environment": {"processor": "test"},
}


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("build_readme")


def test_the_committed_block_is_what_the_results_say(script, papers):
    readme = papers["README.md"].text
    committed = script.BEGIN + readme.partition(script.BEGIN)[2].partition(script.END)[0]
    if not script.RESULTS.exists():
        assert not any(character.isdigit() for character in committed), "numbers without results"
        return
    results = json.loads(script.RESULTS.read_text(encoding="utf-8"))
    table = script.TABLE.read_text(encoding="utf-8")
    assert committed + script.END == script.block(results, table)
    assert script.PICTURE.read_text(encoding="utf-8") == script.draw(results)


def test_the_block_is_replaced_and_the_rest_stays(script):
    block = script.block(RESULTS, "a table\n")
    readme = f"before\n{script.BEGIN}\nold\n{script.END}\nafter\n"
    once = script.with_block(readme, block)
    assert once == f"before\n{block}\nafter\n"
    assert script.with_block(once, block) == once
    assert "**89.12 %**" in block
    assert "**12.3 kB**" in block
    assert "```text\na table\n```" in block
    assert "processor test" in block


def test_the_picture_shows_every_trial_and_both_networks(script):
    picture = script.draw(RESULTS)
    assert picture.count("<circle") == 3
    assert "winner: 90.00 %, 12.3 kB" in picture
    assert "8-bit baseline: 92.00 %, 30.0 kB" in picture
    alone = copy.deepcopy(RESULTS) | {"baseline": None}
    assert "baseline" not in script.draw(alone)


def test_the_line_leaves_out_trials_that_another_beats(script):
    line = next(row for row in script.draw(RESULTS).splitlines() if 'fill="none"' in row)
    assert line.count("V") == 1, "two trials lie on the front, one step joins them"


def test_results_are_taken_from_a_study(script, tmp_path, monkeypatch):
    import bitwright as bw

    bw.search(
        {
            "data": "digits",
            "space": {"stages": [{"name": "stem", "width": [4, 8]}]},
            "quantization": {"weights": "lsq:4", "activations": ["lsq:4", "lsq:8"]},
            "sensitivity": {"enabled": False},
            "search": {"controller": "random", "options": {"batch": 2}, "iterations": 1},
            "train": {"epochs": 0.1},
            "final": {"epochs": 0.1},
        },
        tmp_path / "run",
    )
    monkeypatch.setattr(script, "RESULTS", tmp_path / "r.json")
    monkeypatch.setattr(script, "TABLE", tmp_path / "r.txt")
    script.take(tmp_path / "run")
    results = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    table = (tmp_path / "r.txt").read_text(encoding="utf-8")
    assert "Test accuracy" in table
    assert set(results["environment"]) == set(script.MACHINE)
    assert f"{100 * results['final']['test_accuracy']:.2f} %" in script.block(results, table)
    assert "<svg" in script.draw(results)
