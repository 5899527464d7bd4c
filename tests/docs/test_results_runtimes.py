"""What the page says of the runtimes is what the committed result says."""

PARITY = 0.001  # of the predictions of a trained network may differ from the integers'


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/targets.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_every_runtime_answers_for_every_network(script, result):
    runtimes = {script.BASE, *script.OTHERS}
    fitted = [one for found in result["networks"].values() for one in found.values()]
    assert len(fitted) == 10
    for one in (*fitted, *result["trained"].values()):
        assert set(one["ms"]) == set(one["different"]) == runtimes
        assert set(one["faster"]) == set(script.OTHERS)


def test_fixed_ranges_are_told_for_every_runtime(script, result):
    fixed = result["fixed_ranges"]
    assert set(fixed["different"]) == {script.BASE, *script.OTHERS}
    for runtime, different in fixed["different"].items():
        assert different <= PARITY * fixed["networks"] * fixed["images"], runtime


def test_trained_networks_predict_as_their_integers(result):
    for name, one in result["trained"].items():
        assert one["images"] == 10_000
        for runtime, different in one["different"].items():
            assert different <= PARITY * one["images"], (name, runtime)
