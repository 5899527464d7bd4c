"""What the page says of scores and the order of networks is what the committed result says."""


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_the_best_order_stands_first_and_the_mark_is_told(script, result):
    for name, found in result["summary"].items():
        if name != script.TRAINING:
            found["tau"] = 0.1
    result["summary"]["supernet"]["tau"] = 0.71
    rows = [line for line in script.block(result).splitlines() if line.startswith("| `")]
    assert rows[0].startswith("| `supernet` | 0.71")
    assert "cut out it is 0.71: it does." in script.block(result)
    result["summary"]["supernet"]["tau"] = 0.69
    assert "cut out it is 0.69: it does not." in script.block(result)
    result["summary"]["supernet, tuned"]["tau"] = 0.705
    assert "as a search does it, 0.70: it does." in script.block(result)


def test_what_was_measured_is_what_was_meant(result):
    """At least 40 networks, all accuracies of them, and an interval around each tau."""
    assert len(result["networks"]) >= 40
    for name, found in result["scores"].items():
        assert len(found["scores"]) == len(result["networks"])
        low, high = result["summary"][name]["interval"]
        assert low <= result["summary"][name]["tau"] <= high
