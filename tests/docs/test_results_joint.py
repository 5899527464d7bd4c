"""What the page says of joint search is what the committed result says."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("results_joint")


@pytest.fixture
def result(script):
    return json.loads(script.RESULT.read_text(encoding="utf-8"))


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.with_block(page, script.block(result)) == page
    assert script.BEGIN in page


def test_the_mark_is_held_against_every_way(script, result):
    for found in result["summary"].values():
        found["mean"] = found["wanted"]
    assert "meant to hold: it is." in script.block(result)
    next(iter(result["summary"].values()))["mean"] = 0.0
    assert "it is not against" in script.block(result)
