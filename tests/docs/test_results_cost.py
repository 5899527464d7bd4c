"""What the page says of a search's cost is what the committed result says."""


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_a_mark_that_was_not_reached_is_told(script, result):
    against = result["seeds"][0]["against"]["random"]
    against |= {"path_cpu_s": None, "times_less": None}
    path = result["seeds"][0]["path"]
    result["summary"][path]["random"]["times_less"] = 0.0
    written = script.block(result)
    assert "not reached |  |" in written
    assert "the mark of `random` was not reached" in written and "it does not" in written
