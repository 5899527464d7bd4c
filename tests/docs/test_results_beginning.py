"""What the page says of beginnings in full precision is what the committed result says."""

import pytest


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_gains_are_those_of_the_runs(result):
    for row in result["summary"]:
        ends = [f"{row['setting']} {row['bits']} {part:g}" for part in (row["part"], 0.0)]
        mean = [
            sum(run["accuracy"] for name, run in result["runs"].items() if name[:-2] == end)
            / row["seeds"]
            for end in ends
        ]
        assert row["gain_points"] == pytest.approx(100 * (mean[0] - mean[1]), abs=0.01)


def test_a_part_is_told_with_its_gain(script, result):
    row = next(row for row in result["summary"] if row["part"])
    row.update(percent=50.0, gain_points=-1.5, half_interval=0.25)
    assert "| 50.00 % (-1.50 ± 0.25) |" in script.block(result)
