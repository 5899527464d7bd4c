"""What the page says of a predictor's savings is what the committed result says."""

import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_a_mark_that_was_not_reached_is_told(script, result):
    for table in result["tables"].values():
        for name, found in table["contenders"].items():
            if name != result["mark"]:
                found |= {"at_mark": None, "at_mark_interval": [99, None]}
    written = script.block(result)
    assert "never (99 to never) |  |" in written
    assert "The soonest at the mark: none." in written and "it does not" in written


def test_a_mark_that_was_reached_everywhere_is_told(script, result):
    for table in result["tables"].values():
        for name, found in table["contenders"].items():
            if name != result["mark"]:
                found |= {"at_mark": 50, "at_mark_interval": [40, 60], "seeds": 7}
    written = script.block(result)
    assert "| 50 (40 to 60) | 4.0 |" in written and "every table: it does." in written
    assert "| 7 of 50 |" in written


def test_the_mark_is_reached_where_the_mean_is(monkeypatch):
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    table = importlib.import_module("table")
    regrets = np.array([[4.0, 1.0, 1.0], [2.0, 2.0, 0.0]])
    assert table.reached(regrets, 1.5) == 2
    assert table.reached(regrets, 0.1) == np.inf
