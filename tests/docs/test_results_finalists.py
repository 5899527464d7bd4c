"""What the page says of finalists is what the committed result says."""

import statistics

import pytest


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_one_of_each_search_is_handed_over_and_held_out_images_chose_it(result):
    for run in result["runs"].values():
        (chosen,) = (one for one in run["finalists"] if one["handed_over"])
        assert chosen["accuracy"] == max(one["accuracy"] for one in run["finalists"])
        rewards = [one["trial_accuracy"] for one in run["finalists"]]
        assert rewards == sorted(rewards, reverse=True)
        assert all(one["packed_bytes"] <= 8000 for one in run["finalists"])


def test_a_gain_is_that_of_the_one_handed_over_against_the_first(result):
    gains = []
    for run in result["runs"].values():
        (chosen,) = (one for one in run["finalists"] if one["handed_over"])
        gains.append(100 * (chosen["test_accuracy"] - run["finalists"][0]["test_accuracy"]))
    assert result["summary"]["gains"] == pytest.approx(gains, abs=0.006)
    assert result["summary"]["mean"] == pytest.approx(statistics.mean(gains), abs=0.006)
    assert result["summary"]["seeds"] == len(gains)


def test_the_place_of_the_one_handed_over_is_told(script, result):
    run = result["runs"]["0"]["finalists"]
    for at, one in enumerate(run):
        one["handed_over"] = at == 2
    row = script.block(result).splitlines()[4]
    assert "| the third |" in row
