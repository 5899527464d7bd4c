"""What the page says of joint search is what the committed result says."""


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_the_mark_is_held_against_every_way(script, result):
    for found in result["summary"].values():
        found["mean"] = found["wanted"]
    assert "meant to hold: it is." in script.block(result)
    next(iter(result["summary"].values()))["mean"] = 0.0
    assert "it is not against" in script.block(result)
