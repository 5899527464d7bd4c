"""What the page says of a search's cost is what the committed result says."""

import re


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_a_mark_that_was_not_reached_is_told(script, result):
    against = result["seeds"][0]["against"]["random"]
    against |= {"path_cpu_s": None, "times_less": None}
    path = result["seeds"][0]["path"]
    whole = {"times_less": None, "interval": None, "reached": 2, "of": 3, "wanted": 10.0}
    result["summary"][path]["random"] = whole
    written = script.block(result)
    assert "not reached |  |" in written and f"{path} does not" in written
    assert f"| {path} | `random` | reached in 2 of 3 seeds |" in written


def test_a_path_that_takes_as_much_less_as_wanted_holds_it(script, result):
    path = result["seeds"][0]["path"]
    for found in result["summary"][path].values():
        found["times_less"] = 10.0
    assert f"{path} does;" in script.block(result)


def test_a_mean_stands_beside_its_interval(script, result):
    path = result["seeds"][0]["path"]
    mean = {"times_less": 12.34, "interval": [8.0, 19.04], "reached": 3, "of": 3, "wanted": 10.0}
    result["summary"][path]["random"] = mean
    assert f"| {path} | `random` | 12.3 (8.0 to 19.0) |" in script.block(result)


def test_the_committed_picture_is_what_the_result_says(script, result):
    assert script.PICTURE.read_text(encoding="utf-8") == script.draw(result)


def test_the_picture_has_two_lines_for_each_search_which_end_with_it(script, result):
    whole = script.draw(result)
    assert whole.count('stroke-width="1.6"') == 2 * len(result["searches"])
    assert whole.count("stroke-dasharray") == 2 * 9
    name, seed = next(iter(result["searches"])).split()
    del result["searches"][f"{name} {seed}"]
    assert script.draw(result).count('stroke-width="1.6"') == 2 * len(result["searches"])


def test_nothing_is_drawn_outside_of_its_panel(script, result):
    """A search that took longer, and one that found more, widen the axes."""
    for trials in result["searches"].values():
        trials[-1] |= {"cpu_s": 5000.0, "accuracy": 0.97, "packed_bytes": 700.0}
    picture = script.draw(result)
    right = script.LEFT + 3 * (script.WIDTH + script.GAP) - script.GAP
    ends = [float(found) for found in re.findall(r"H([0-9.]+)\"", picture)]
    assert ends and max(ends) <= right + 0.1
    ups = [float(found) for found in re.findall(r"V([0-9.]+) H", picture)]
    assert min(ups) >= script.TOP - 0.1


def test_a_climb_ends_where_the_result_says_that_the_path_does(script, result):
    for row in result["seeds"]:
        trials = result["searches"][f"{row['path']} {row['seed']}"]
        seconds, volume = script._climb(trials, result["reference"])[-1]
        assert (round(volume, 4), round(seconds, 1)) == (row["ends_at"], row["ends_after_cpu_s"])
