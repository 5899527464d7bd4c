"""What the page says of final networks is what the committed results say; the files are theirs."""

import math

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
        small = network["packed_bytes"] <= (wanted["packed_bytes"] or math.inf)
        fast = wanted.get("latency") is None or (
            found["beside_resnet8"]["ratio"] <= wanted["latency"]
        )
        assert found["reached"] == (right and small and fast)


def test_a_mark_of_speed_is_told_with_what_was_timed(script, result):
    name = next(iter(result))
    result[name]["wanted"] |= {"packed_bytes": None, "latency": 0.72}
    timed = {"ms": 0.08, "resnet8_ms": 0.116, "ratio": 0.69, "quartiles": [0.68, 0.7]}
    text = script.block(result | {name: {**result[name], "beside_resnet8": timed}})
    assert "in 0.72 of an int8 ResNet-8's time" in text
    assert "takes 0.69 of an int8 ResNet-8's time (quartiles 0.68 to 0.70; 0.080 against" in text


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


def test_the_committed_picture_is_what_the_result_says(script, result):
    assert script.PICTURE.read_text(encoding="utf-8") == script.draw(result)


def test_the_picture_has_every_network_of_cifar10_and_its_mark_of_size(script, result):
    picture = script.draw(result)
    names = [name for name in result if name.startswith("cifar10")]
    sized = [name for name in names if result[name]["wanted"]["packed_bytes"] is not None]
    assert 0 < len(sized) < len(names) < len(result)
    in_legend = 1
    assert picture.count(f'd="{script.STAR}"') == len(names) + in_legend
    assert picture.count(f'd="{script.DIAMOND}"') == len(sized) + in_legend
    assert all(f">{name} " in picture for name in names)
