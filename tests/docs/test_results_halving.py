"""What the page says of training in stages is what the committed result says."""

import importlib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_committed_part_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.begin in page
    assert script.SECTION.within(page, script.block(result)) == page


def test_a_mark_that_was_not_reached_is_told(script, result):
    row = result["seeds"][0]
    row |= {"stages_cpu_s": None, "times_less": None, "stages_then": 0.0}
    assert f"not within {row['stages_end_cpu_s']:,.0f} s |  |" in script.block(result)


def test_what_the_result_tells_follows_from_its_searches(monkeypatch, result):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    halving = importlib.import_module("halving")
    told = {key: result[key] for key in ("train", "ranking", "seeds")}
    assert halving.verdicts(result["searches"]) == told
    assert {row["controller"] for row in told["seeds"]} == set(halving.CONTROLLERS)
