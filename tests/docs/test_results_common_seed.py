"""What the page says of common seeds is what the committed result says."""

import statistics

import pytest


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_what_is_left_of_chance_is_what_neither_network_nor_seed_explains(script, result):
    table = script.by_network(result)
    rows = [[row[seed] for seed in sorted(row)] for row in table.values()]
    middle = statistics.mean(value for row in rows for value in row)
    seeds = [statistics.mean(column) for column in zip(*rows, strict=True)]
    left = [
        value - statistics.mean(row) - seeds[at] + middle
        for row in rows
        for at, value in enumerate(row)
    ]
    freedom = (len(rows) - 1) * (len(seeds) - 1)
    common = 100 * (sum(value**2 for value in left) / freedom) ** 0.5
    assert result["summary"]["common_seed"] == pytest.approx(common, abs=0.006)
    own = 100 * statistics.mean(statistics.variance(row) for row in rows) ** 0.5
    assert result["summary"]["own_seeds"] == pytest.approx(own, abs=0.006)
