"""What the page says of microcontrollers is what the committed result says."""


def test_the_committed_part_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.begin in page
    assert script.SECTION.within(page, script.block(result)) == page


def test_every_code_was_the_references_and_every_count_repeated(result):
    assert set(result["networks"]) == {"ds-cnn", "resnet8"}
    for at in (at for network in result["networks"].values() for at in network["bits"].values()):
        assert at["repeats_exactly"]
        assert at["codes_that_differ"] == {"host": 0, "emulated": 0}
        assert at["images"]["host"] >= at["images"]["emulated"] >= 50
    for network in result["networks"].values():
        assert network["bits"]["8x8"]["images"]["host"] == 1000


def test_a_mark_that_was_missed_is_told(script, result):
    network = result["networks"]["resnet8"]["bits"]
    network["4x8"]["instructions"] = 2 * network["8x8"]["instructions"]
    assert "2.00 times the instructions of 8 bits (1.25 at most: missed)" in script.block(result)
    layer = next(at for at in network["8x8"]["layers"] if at["outputs"] == [64, 8, 8])
    layer["instructions"] = 2 * layer["macs"]
    assert f"all but {script._kind(layer)}" in script.block(result).replace("; ", "all but ")
