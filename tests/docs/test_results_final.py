"""What the page says of final networks is what the committed results say; the files are theirs."""

import pytest

import bitwright as bw


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_a_mark_is_reached_by_accuracy_and_size_together(result):
    for found in result.values():
        wanted, network = found["wanted"], found["network"]
        right = network["test_accuracy"] >= wanted["test_accuracy"]
        small = network["packed_bytes"] <= wanted["packed_bytes"]
        assert found["reached"] == (right and small)


def test_a_missed_mark_is_told(script, result):
    name = next(iter(result))
    result[name]["reached"] = False
    assert f"`{name}` misses its mark" in script.block(result)


def test_the_committed_networks_are_those_of_the_results(script, result):
    for name, found in result.items():
        path = script.SECTION.result.with_name(f"final-{name}.onnx")
        assert path.stat().st_size == found["network"]["file_bytes"]
        about = bw.load(path).metadata
        assert float(about["test_accuracy"]) == pytest.approx(
            found["network"]["test_accuracy"], abs=1e-4
        )
