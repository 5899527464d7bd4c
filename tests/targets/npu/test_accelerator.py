"""Accelerator files: what they say, and what is said of a bad one, with its line."""

from pathlib import Path

import pytest

from bitwright.errors import ConfigError
from bitwright.targets.npu.accelerator import SHIPPED, Accelerator

TEXT = """\
name: test
clock_mhz: 100
layers: [conv, depthwise, linear, add, global_average_pool]
pairs:
  - {weights: 8, activations: 8, macs_per_cycle: 16, mac_pj: 0.3}
  - {weights: 4, activations: 8, macs_per_cycle: 32, mac_pj: 0.2}
  - {weights: 4, activations: 4, macs_per_cycle: 32, mac_pj: 0.1}
depthwise_utilization: 0.25
vector: {ops_per_cycle: 4, op_pj: 0.1}
on_chip: {bytes: 1000, byte_pj: 1}
off_chip: {bytes_per_cycle: 2, byte_pj: 100}
"""


def accelerator(text: str = TEXT) -> Accelerator:
    return Accelerator.from_text(text, source="a.yaml")


def test_the_shipped_ones_can_be_read_by_name() -> None:
    for name in SHIPPED:
        assert Accelerator.named(name).name == name


def test_one_can_be_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert Accelerator.named(str(path)) == accelerator()
    with pytest.raises(ConfigError, match=r"'no\.yaml' cannot be read: No such file.* one of"):
        Accelerator.named("no.yaml")
    path.write_bytes(b"name: \xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        Accelerator.named(str(path))


def test_its_digest_follows_what_it_says_not_how() -> None:
    assert accelerator().digest == accelerator("# a comment\n" + TEXT).digest
    assert accelerator().digest != accelerator(TEXT.replace("0.25", "0.5")).digest


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("clock_mhz: 100", "clock_mhz: 0", 2, "'clock_mhz': input should be greater than 0"),
        ("clock_mhz: 100", "clock_mhz: -5", 2, "greater than 0 (got -5)"),
        ("clock_mhz: 100", "clock_mhz: .nan", 2, "'clock_mhz': input should be a finite number"),
        ("clock_mhz: 100", "clock_mhz: fast", 2, "input should be a valid number (got 'fast')"),
        ("clock_mhz: 100", "clock_mhz: yes", 2, "input should be a valid number (got True)"),
        ("clock_mhz: 100\n", "", 1, "key 'clock_mhz' is missing"),
        ("clock_mhz", "clock_mhs", 2, "unknown key 'clock_mhs' in [accelerator]; did you mean"),
        (", mac_pj: 0.2}", "}", 6, "key 'pairs.1.mac_pj' is missing"),
        ("macs_per_cycle: 32, mac_pj: 0.1", "macs_per_cycle: 0, mac_pj: 0.1", 7, "greater than 0"),
        ("mac_pj: 0.1", "mac_pj: -0.1", 7, "'pairs.2.mac_pj': input should be greater than or"),
        ("mac_pj: 0.1", "mac_pj: 0.1, x: 1", 7, "unknown key 'x' in [pairs.2]; known keys: wei"),
        ("{weights: 4, activations: 4", "{weights: 9, activations: 4", 7, "'pairs.2.weights'"),
        ("{weights: 4, activations: 4", "{weights: 4, activations: 8", 7, "4x8 stands twice"),
        ("{weights: 4, activations: 4", "{weights: 16, activations: 16", 7, "are floating point"),
        (
            "{weights: 4, activations: 4",
            "{weights: 16, activations: 4",
            7,
            "both of one sort",
        ),
        ("activations: 8", "activations: 5", 4, "no pair has activations of 8 bits"),
        (
            "{weights: 8, activations: 8",
            "{weights: 8, activations: 4",
            4,
            "no pair 8x8; add it: what is widened",
        ),
        ("pairs:\n", "pairs: 3\nothers:\n", 5, "unknown key 'others' in [accelerator]"),
        ("layers: [conv", "layers: [convolution", 3, "'layers.0': input should be 'conv', 'dep"),
        (", global_average_pool]", "]", 3, "'global_average_pool' is missing, with which every"),
        ("0.25", "1.5", 8, "'depthwise_utilization': input should be less than or equal to 1"),
        ("depthwise_", "array: {inputs: 16}\ndepthwise_", 8, "key 'array.outputs' is missing"),
        (
            "depthwise_",
            "array: {inputs: 0, outputs: 1}\ndepthwise_",
            8,
            "'array.inputs': input sho",
        ),
        ("bytes: 1000", "bytes: 0", 10, "'on_chip.bytes': input should be greater than or equal"),
        ("bytes: 1000", "bytes: 1.5", 10, "'on_chip.bytes': input should be a valid integer"),
        ("on_chip: {bytes: 1000, byte_pj: 1}", "on_chip: {byte_pj: 1}", 10, "'on_chip.bytes' is"),
        ("bytes_per_cycle: 2", "bytes_per_cycle: 0", 11, "'off_chip.bytes_per_cycle': input sho"),
    ],
)
def test_an_impossible_or_missing_figure_is_refused_with_its_line(
    old: str, new: str, line: int, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        accelerator(TEXT.replace(old, new))
    message = str(caught.value)
    assert message.startswith(f"a.yaml, line {line}: "), message
    assert said in message
    assert "\n" not in message


def test_what_is_no_mapping_or_no_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml: an accelerator is a mapping of keys, got str"):
        accelerator("fast")
    with pytest.raises(ConfigError, match=r"a\.yaml is not valid YAML: .*line 2"):
        accelerator("name: test\npairs: [")
    with pytest.raises(ConfigError, match=r"key 'name' stands twice.*line 12"):
        accelerator(TEXT + "name: again\n")


def test_what_is_no_pair_runs_at_the_fastest_that_holds_it() -> None:
    on = accelerator()
    found = {(w, a): str(on.pair_for(w, a)) for w in (2, 4, 5, 8) for a in (3, 8)}
    assert found == {
        (2, 3): "4x4",  # as fast as 4x8, at less energy
        (4, 3): "4x4",
        (5, 3): "8x8",
        (8, 3): "8x8",
        (2, 8): "4x8",
        (4, 8): "4x8",
        (5, 8): "8x8",
        (8, 8): "8x8",
    }
    assert [on.stored(bits, "weight") for bits in (1, 4, 5, 8)] == [4, 4, 8, 8]


def test_without_widening_only_pairs_run_and_all_widths_that_meet_are_one() -> None:
    with pytest.raises(ConfigError) as caught:
        accelerator(TEXT + "widen: false\n")
    assert str(caught.value) == (
        "a.yaml, line 4: 'pairs': there is no pair 8x4; add it: with widen: false, all widths that "
        "may meet must be one"
    )
    fourth = "  - {weights: 8, activations: 4, macs_per_cycle: 16, mac_pj: 0.2}\n"
    exact = accelerator(TEXT.replace("depthwise_u", fourth + "depthwise_u") + "widen: false\n")
    assert str(exact.pair_for(8, 4)) == "8x4" and str(exact.pair_for(4, 4)) == "4x4"
    assert exact.pair_for(2, 8) is None


def test_integers_do_not_run_as_floats() -> None:
    floats = "  - {weights: 16, activations: 16, macs_per_cycle: 64, mac_pj: 1}\n"
    on = accelerator(TEXT.replace("depthwise_u", floats + "depthwise_u") + "integer_only: false\n")
    assert str(on.pair_for(8, 8)) == "8x8"
    assert str(on.pair_for(16, 16)) == "16x16"
    assert on.pair_for(32, 32) is None and on.pair_for(16, 8) is None
    assert on.widths("weight") == (4, 8)
