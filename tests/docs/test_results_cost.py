"""What the page says of a search's cost is what the committed result says."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("results_cost")


@pytest.fixture
def result(script):
    return json.loads(script.RESULT.read_text(encoding="utf-8"))


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.with_block(page, script.block(result)) == page
    assert script.BEGIN in page


def test_a_mark_that_was_not_reached_is_told(script, result):
    against = result["seeds"][0]["against"]["random"]
    against |= {"path_cpu_s": None, "times_less": None}
    path = result["seeds"][0]["path"]
    result["summary"][path]["random"]["times_less"] = 0.0
    written = script.block(result)
    assert "not reached |  |" in written
    assert "the mark of `random` was not reached" in written and "it does not" in written
