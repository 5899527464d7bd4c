"""The roofline model: figures worked out by hand, and what must hold for any network."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitwright.errors import TargetError
from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.spec import Method
from bitwright.space.joint import expand
from bitwright.targets.npu.accelerator import SHIPPED, Accelerator
from bitwright.targets.npu.roofline import run
from bitwright.testing.networks import blueprint_of

IMAGE = Method("affine", 8, per_channel=False)
TEXT = """\
name: test
clock_mhz: 100
layers: [conv, depthwise, linear, add, max_pool, average_pool, global_average_pool]
pairs:
  - {weights: 8, activations: 8, macs_per_cycle: 16, mac_pj: 0.5}
  - {weights: 4, activations: 8, macs_per_cycle: 32, mac_pj: 0.25}
  - {weights: 4, activations: 4, macs_per_cycle: 64, mac_pj: 0.125}
depthwise_utilization: 0.25
vector: {ops_per_cycle: 4, op_pj: 0.1}
on_chip: {bytes: ROOM, byte_pj: 1}
off_chip: {bytes_per_cycle: 2, byte_pj: 100}
"""


def accelerator(room: int = 100_000, more: str = "") -> Accelerator:
    return Accelerator.from_text(TEXT.replace("ROOM", str(room)) + more, source="test")


def network(weight: str = "lsq:4:channel", activation: str = "lsq:4:tensor") -> Graph:
    """3x8x8 -> conv 4x8x8 -> depthwise 4x4x4 -> mean -> 10 logits."""
    build = GraphBuilder((3, 8, 8), IMAGE)
    quantized = {"weight": Method.parse(weight), "activation": Method.parse(activation)}
    build.conv("a", "input", unit="u", width=4, kernel=3, **quantized)
    build.conv("b", "a", unit="u", width=4, kernel=3, stride=2, depthwise=True, **quantized)
    build.global_average_pool("m", "b", unit="h", activation=quantized["activation"])
    build.linear("head", "m", unit="h", width=10, weight=quantized["weight"], activation=None)
    return build.finish()


def test_a_resident_network_by_hand() -> None:
    found = run(network(), accelerator())
    assert found.resident
    a, b, m, head = found.layers
    # 6912 MACs of 4x8 bits at 32 a cycle; the image's 192 bytes come at 2 a cycle
    assert (str(a.pair), a.cycles, a.bound) == ("4x8", 216, "compute")
    assert (a.weight_bytes, a.activation_bytes) == (0, 192)
    # 576 MACs of 4x4 bits at a quarter of 64
    assert (str(b.pair), b.cycles, b.bound, b.activation_bytes) == ("4x4", 36, "compute", 0)
    assert (m.pair, m.cycles) == (None, 16)  # 64 values at 4 a cycle
    # 40 MACs take less than the 40 bytes of the logits
    assert (str(head.pair), head.cycles, head.bound) == ("4x4", 20, "activations")
    assert found.cycles == 216 + 36 + 16 + 20
    # energy: MACs, and on chip: weights of half a byte, 12 bytes a channel, 4-bit maps
    a_pj = 6912 * 0.25 + (54 + 48) + 192 + 128 + 100 * 192
    b_pj = 576 * 0.125 + (18 + 48) + 128 + 32
    m_pj = 64 * 0.1 + 32 + 2
    head_pj = 40 * 0.125 + (20 + 120) + 2 + 40 + 100 * 40
    assert [layer.energy_pj for layer in found.layers] == pytest.approx([a_pj, b_pj, m_pj, head_pj])
    assert found.energy_uj == pytest.approx((a_pj + b_pj + m_pj + head_pj) / 1e6)


def test_a_layer_that_does_not_divide_into_the_array_leaves_the_rest_idle() -> None:
    plain = run(network(), accelerator())
    sided = run(network(), accelerator(more="array: {inputs: 16, outputs: 16}\n"))
    # 27 inputs take two groups of 16, 4 outputs one: 27 * 4 products in the time of 32 * 16
    assert sided.layers[0].cycles == plain.layers[0].cycles * (32 * 16) / (27 * 4)
    assert sided.layers[1] == plain.layers[1], "a depthwise convolution has a figure of its own"
    # 4 inputs and 10 outputs in one group of both: 256 products at 64 a cycle, 20 cycles to move
    assert (sided.layers[3].cycles, plain.layers[3].cycles) == (20, 20)
    assert sided.energy_uj == plain.energy_uj
    exact = run(network(), accelerator(more="array: {inputs: 9, outputs: 2}\n"))
    assert exact.layers[0] == plain.layers[0]


def test_weights_that_do_not_fit_are_streamed() -> None:
    found = run(network(), accelerator(room=500))  # weights 308, activations at most 320
    assert not found.resident
    assert [layer.weight_bytes for layer in found.layers] == [102, 66, 0, 140]
    assert [layer.activation_bytes for layer in found.layers] == [192, 0, 0, 40]
    assert found.layers[1].cycles == 36, "33 cycles of transfer hide behind 36 of computing"
    assert (found.layers[3].cycles, found.layers[3].bound) == ((140 + 40) / 2, "weights")


def test_activations_that_do_not_fit_are_written_and_read_off_chip() -> None:
    found = run(network(), accelerator(room=300))  # the image and the first map take 320
    assert [layer.activation_bytes for layer in found.layers] == [192 + 128, 128, 0, 40]
    assert (found.layers[1].cycles, found.layers[1].bound) == ((66 + 128) / 2, "activations")


def test_a_shortcut_takes_room_while_it_waits() -> None:
    build = GraphBuilder((4, 8, 8), IMAGE)
    method = {"weight": Method.parse("lsq:8"), "activation": Method.parse("lsq:8", "activation")}
    build.conv("a", "input", unit="u", width=4, kernel=1, **method)
    build.conv("b", "a", unit="u", width=4, kernel=1, **method)
    build.conv("c", "b", unit="u", width=4, kernel=1, **method)
    build.add("sum", "c", "a", unit="u", activation=method["activation"], relu=True)
    build.global_average_pool("m", "sum", unit="h", activation=method["activation"])
    build.linear("head", "m", unit="h", width=2, weight=method["weight"], activation=None)
    found = run(build.finish(), accelerator(room=600))  # a map is 256 bytes: two fit, three do not
    spilled = {layer.name: layer.activation_bytes for layer in found.layers}
    # 'a' waits for the sum while 'c' is made; the sum itself reads two maps and writes one
    assert spilled == {"a": 512, "b": 512, "c": 512, "sum": 768, "m": 256, "head": 8}
    assert found.layers[3].pair is None and found.layers[3].cycles == 768 / 2


def test_uneven_levels_run_at_the_8_bits_of_their_codes() -> None:
    uneven = run(network("apot:4:channel", "apot:4:tensor"), accelerator())
    assert [str(layer.pair) for layer in uneven.layers] == ["8x8", "8x8", "None", "8x8"]


def test_widths_that_are_no_pair_run_at_the_next_one_or_are_refused() -> None:
    assert run(network("lsq:3:channel", "lsq:2:tensor"), accelerator()) == run(
        network("lsq:4:channel", "lsq:4:tensor"), accelerator()
    )
    with pytest.raises(TargetError) as caught:
        run(network("none:16"), accelerator())
    assert str(caught.value) == (
        "layer 'a': accelerator 'test' does not multiply weights of 16 bits with activations of 8; "
        "it has the pairs 4x4, 4x8, 8x8"
    )


def test_a_layer_that_is_not_there_is_refused() -> None:
    without = Accelerator.from_text(
        TEXT.replace("depthwise, ", "").replace("ROOM", "9"), source="test"
    )
    with pytest.raises(TargetError, match="layer 'b': accelerator 'test' does not run 'depthwise'"):
        run(network(), without)


METHODS = st.tuples(st.integers(1, 8), st.integers(1, 8))


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(SHIPPED),
    kind=st.sampled_from(["conv", "depthwise_separable", "inverted_bottleneck", "residual"]),
    width=st.sampled_from([8, 24, 96]),
    bits=METHODS,
    narrower=METHODS,
)
def test_narrower_operands_never_take_longer(
    name: str, kind: str, width: int, bits: tuple[int, int], narrower: tuple[int, int]
) -> None:
    low = np.minimum(bits, narrower)
    on = Accelerator.named(name)
    wide, narrow = (
        run(_net(kind, width, int(weight), int(activation)), on)
        for weight, activation in (bits, low)
    )
    assert narrow.cycles <= wide.cycles
    assert narrow.energy_uj <= wide.energy_uj
    assert [layer.cycles for layer in narrow.layers] <= [layer.cycles for layer in wide.layers]


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(SHIPPED),
    kind=st.sampled_from(["conv", "depthwise_separable", "inverted_bottleneck", "residual"]),
    bits=METHODS,
    more=st.floats(1, 8),
)
def test_a_better_accelerator_is_never_slower(
    name: str, kind: str, bits: tuple[int, int], more: float
) -> None:
    on, graph = Accelerator.named(name), _net(kind, 48, *bits)
    faster = on.off_chip.model_copy(update={"bytes_per_cycle": on.off_chip.bytes_per_cycle * more})
    larger = on.on_chip.model_copy(update={"bytes": int(on.on_chip.bytes * more)})
    before = run(graph, on)
    for change in ({"off_chip": faster}, {"on_chip": larger}):
        after = run(graph, on.model_copy(update=change))
        assert after.cycles <= before.cycles
    assert all(layer.cycles > 0 and layer.energy_pj > 0 for layer in before.layers)


def test_each_shipped_one_is_bound_by_something_else() -> None:
    """What they are for: the same network meets another limit on each."""
    graph = _net("depthwise_separable", 96, 8, 8, kernel=5)
    bounds = {}
    for name in SHIPPED:
        found = run(graph, Accelerator.named(name))
        slowest = max(found.layers, key=lambda layer: layer.cycles)
        bounds[name] = (slowest.name.rpartition("/")[2], slowest.bound)
    assert bounds == {
        "bit-fusion": ("pointwise", "compute"),  # 8 by 8 bits take all bricks of a unit
        "edge-8-4": ("pointwise", "weights"),
        "int8": ("depthwise", "compute"),
    }


def test_a_run_is_a_plain_value() -> None:
    found = run(network(), accelerator())
    assert dataclasses.replace(found) == found == run(network(), accelerator())


def _net(kind: str, width: int, weight: int, activation: int, kernel: int = 3) -> Graph:
    blueprint = blueprint_of(
        {"name": "stem", "width": 8},
        {"name": "body", "kinds": kind, "width": width, "kernel": kernel},
        weight=f"lsq:{weight}:channel",
        activation=f"lsq:{activation}:tensor",
    )
    return expand(blueprint)
