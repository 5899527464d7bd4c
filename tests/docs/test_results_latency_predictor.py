"""What the page says of foretold latency is what the committed result says."""

import numpy as np
import pytest


def test_the_committed_part_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.begin in page
    assert script.SECTION.within(page, script.block(result)) == page


def test_the_sums_follow_from_the_networks(result):
    rows = result["networks"]
    assert len(rows) == result["all"]["networks"] >= 200
    assert {row["space"] for row in rows} == set(result["spaces"])
    foretold, measured = (
        np.array([row[name] for row in rows]) for name in ("foretold_ms", "measured_ms")
    )
    error = float(np.abs(foretold / measured - 1).mean())
    assert error == pytest.approx(result["all"]["mean_error"], rel=1e-3)


def test_the_target_page_tells_the_same_error(papers, result):
    told = f"[{100 * result['all']['mean_error']:.1f} % off in the mean]"
    assert told in papers["docs/targets.md"].text


def test_the_target_page_tells_how_much_too_slow_a_network_was_foretold(papers, result):
    worst = max(
        row["foretold_ms"] / row[said] - 1
        for row in result["networks"]
        for said in ("measured_ms", "metered_ms")
    )
    assert worst < 0.1, "four fifths of what is foretold leave little room"
    told = f"the worst was foretold {100 * worst:.1f} % too slow, 25 % would be needed"
    assert told in " ".join(papers["docs/targets.md"].text.split())


def test_a_mark_that_was_missed_is_told(script, result):
    assert "missed" not in script.block(result)
    result["all"] |= {"mean_error": 0.2, "spearman": 0.9}
    assert script.block(result).count("missed") == 2
