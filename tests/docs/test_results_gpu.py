"""What the page says of networks on a GPU is what the committed result says."""

PARITY = 0.001  # of the predictions of a trained network may differ from the integers'


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/targets.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_every_network_was_timed_in_both_places(script, result):
    assert len(result["networks"]) == 4
    for found in result["networks"].values():
        assert set(found) == {"float32", "w8a8", "w4a4"}
        for one in found.values():
            assert set(one["ms"]["processor"]) == set(one["ms"]["cuda"]) == set(script.BATCHES)


def test_a_trained_network_predicts_as_its_integers(result):
    for name, one in result["trained"].items():
        assert one["images"] == 10_000
        assert one["different"] <= PARITY * one["images"], name
