"""Costs worked out by hand for a network small enough to do so."""

import pytest

from bitwright.errors import ExportError
from bitwright.graph import Graph, GraphBuilder, Node
from bitwright.measure.cost import bitops, costs, macs
from bitwright.quant.spec import Method


def network(weight: str = "lsq:3:channel", activation: str = "lsq:4:tensor") -> Graph:
    build = GraphBuilder((3, 8, 8), Method("uniform", 8, per_channel=False))
    quantized = {"weight": Method.parse(weight), "activation": Method.parse(activation)}
    build.conv("a", "input", unit="u", width=4, kernel=3, **quantized)
    build.conv("b", "a", unit="u", width=4, kernel=5, stride=2, depthwise=True, **quantized)
    build.pool("max", "b", unit="u", mode="max", size=2, activation=quantized["activation"])
    build.linear("head", "max", unit="h", width=10, weight=quantized["weight"], activation=None)
    return build.finish()


def test_macs_and_bit_operations() -> None:
    graph = network()
    layers = {name: graph.node(name) for name in ("a", "b", "max", "head")}
    assert {name: macs(graph, node) for name, node in layers.items()} == {
        "a": 8 * 8 * 4 * 3 * 9,
        "b": 4 * 4 * 4 * 25,
        "max": 0,
        "head": 4 * 2 * 2 * 10,
    }
    assert bitops(graph, layers["a"]) == 8 * 8 * 4 * 3 * 9 * 3 * 8  # the pixels have 8 bits
    assert bitops(graph, layers["head"]) == 160 * 3 * 4  # max pooling passes 4 bits on
    assert costs(graph)["macs"] == 6912 + 1600 + 160
    assert costs(graph)["bitops"] == 6912 * 24 + 1600 * 12 + 160 * 12


def test_packed_bytes() -> None:
    # weights 108, 100 and 160 of 3 bits; 4 bytes a scale and bias; grids of the input, a and b
    by_channel = 41 + 38 + 60 + 8 * (4 + 4 + 10) + 3 * 5
    assert costs(network())["packed_bytes"] == by_channel
    assert costs(network("affine:3:channel"))["packed_bytes"] == by_channel + 18
    by_tensor = 41 + 38 + 60 + 4 * 18 + 4 * 3 + 3 * 5
    assert costs(network("lsq:3:tensor"))["packed_bytes"] == by_tensor
    assert costs(network("affine:3:tensor"))["packed_bytes"] == by_tensor + 3


def test_uneven_weights_take_a_table_or_a_byte_each() -> None:
    # of 108, 100 and 160 weights in 4, 4 and 10 channels, 4 bytes a scale and a bias, grids
    rest = 8 * (4 + 4 + 10) + 3 * 5
    assert costs(network("apot:3:channel"))["packed_bytes"] == 41 + 38 + 60 + 3 * 7 + rest
    by_tensor = 4 * 18 + 4 * 3 + 3 * 5
    codebook = costs(network("codebook:3:tensor"))["packed_bytes"]
    assert codebook == 41 + 38 + 60 + 3 * 8 + by_tensor
    by_channel = costs(network("codebook:3:channel"))["packed_bytes"]
    assert by_channel == (41 + 4 * 8) + (38 + 4 * 8) + (60 + 10 * 8) + rest
    wide = costs(network("codebook:6:channel"))["packed_bytes"]
    assert wide == 108 + 100 + 160 + rest, "a byte each: 64 levels a channel would be more"


def test_uneven_levels_are_multiplied_as_codes_of_8_bits() -> None:
    assert costs(network("apot:3", "lsq:4:tensor"))["bitops"] == 6912 * 64 + 1760 * 8 * 4
    assert costs(network("lsq:3", "apot:4:tensor"))["bitops"] == 6912 * 24 + 1760 * 3 * 8


def test_a_kind_of_uneven_activation_has_one_table() -> None:
    even, uneven = (costs(network("lsq:3", f"{name}:4:tensor")) for name in ("lsq", "apot"))
    assert uneven["packed_bytes"] - even["packed_bytes"] == 256


def test_full_precision_counts_its_own_bits() -> None:
    full = costs(network("none:32", "none:32:tensor"))
    assert full["packed_bytes"] == 4 * (108 + 100 + 160) + 4 * 18 + 5  # only the pixels have a grid
    assert full["bitops"] == 6912 * 32 * 8 + (1600 + 160) * 32 * 32
    assert full["peak_activation_bytes"] == 4 * (256 + 64)  # a and b in float32


def test_parameters() -> None:
    assert costs(network())["parameters"] == 108 + 4 + 100 + 4 + 160 + 10


def test_the_peak_counts_what_is_alive_together() -> None:
    assert costs(network())["peak_activation_bytes"] == 3 * 64 + 4 * 64
    build = GraphBuilder((1, 4, 4), Method("uniform", 8, per_channel=False))
    quantized = {"weight": Method.parse("lsq:8"), "activation": Method.parse("lsq:8:tensor")}
    build.conv("a", "input", unit="u", width=2, kernel=1, **quantized)
    build.conv("b", "a", unit="u", width=2, kernel=1, **quantized)
    build.conv("c", "b", unit="u", width=2, kernel=1, **quantized)
    build.add("sum", "a", "c", unit="u", activation=quantized["activation"], relu=True)
    build.global_average_pool("mean", "sum", unit="u", activation=quantized["activation"])
    build.linear("head", "mean", unit="h", width=50, weight=quantized["weight"], activation=None)
    # a waits for the sum while b gives c; the logits take four bytes each
    assert costs(build.finish())["peak_activation_bytes"] == 2 + 4 * 50
    widest = Graph(build.finish().nodes[:5])
    assert costs(widest)["peak_activation_bytes"] == 3 * 32


def test_raw_logits_cannot_feed_a_layer() -> None:
    method = Method.parse("lsq:8")
    build = GraphBuilder((4, 1, 1), Method("uniform", 8, per_channel=False))
    build.linear("a", "input", unit="u", width=3, weight=method, activation=None)
    after = Node("b", "linear", ("a",), (2,), "u", weight=method)
    with pytest.raises(ExportError, match=r"'a' \(linear\) feeds another layer"):
        costs(Graph((*build.finish().nodes, after)))
