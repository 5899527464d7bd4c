"""Layers and their shapes."""

import pytest
import torch
from torch.nn import functional

from bitwright.errors import InvalidGenome
from bitwright.graph import GraphBuilder
from bitwright.quant.spec import Method

W, A = Method.parse("lsq:4"), Method.parse("lsq:4", "activation")


def builder(*shape: int) -> GraphBuilder:
    return GraphBuilder(shape or (3, 9, 8), A)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("size", [(9, 8), (1, 7), (4, 4)])
def test_convolutions_shrink_as_torch_does(kernel: int, stride: int, size: tuple[int, int]) -> None:
    build = builder(3, *size)
    name = build.conv(
        "c", "input", unit="u", width=5, kernel=kernel, stride=stride, weight=W, activation=A
    )
    graph = build.finish()
    weight = torch.zeros(graph.weight_shape(graph.node(name)))
    out = functional.conv2d(torch.zeros(1, 3, *size), weight, None, stride, kernel // 2)
    assert build.shape(name) == tuple(out.shape[1:])


def test_kernels_have_the_shapes_that_torch_asks_for() -> None:
    build = builder()
    build.conv("deep", "input", unit="u", width=3, kernel=3, depthwise=True, weight=W, activation=A)
    build.linear("line", "deep", unit="u", width=7, weight=W, activation=None)
    graph = build.finish()
    assert graph.weight_shape(graph.node("deep")) == (3, 1, 3, 3)
    assert graph.node("deep").groups == 3
    assert graph.weight_shape(graph.node("line")) == (7, 3 * 9 * 8)
    assert graph.weight_shape(graph.input) == ()
    assert graph.output.name == "line"
    with pytest.raises(KeyError):
        graph.node("none")


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_leaves_the_rest_out(mode: str) -> None:
    build = builder()
    build.pool("p", "input", unit="u", mode=mode, size=2, activation=A)
    node = build.finish().node("p")
    assert node.shape == (3, 4, 4)
    assert node.op == f"{mode}_pool"
    assert node.activation == (A if mode == "average" else None)


def test_signs_follow_from_what_ends_a_layer() -> None:
    build = builder()
    common = {"unit": "u", "weight": W, "activation": A}
    build.conv("relu", "input", width=3, kernel=1, **common)  # type: ignore[arg-type]
    build.conv("line", "relu", width=3, kernel=1, relu=False, **common)  # type: ignore[arg-type]
    build.add("sum", "relu", "line", unit="u", activation=A, relu=False)
    build.global_average_pool("mean", "relu", unit="u", activation=A)
    build.multiply("scaled", "line", "mean", unit="u", activation=A)
    build.pool("half", "line", unit="u", mode="max", size=2, activation=A)
    signs = {node.name: node.signed for node in build.finish().nodes}
    assert signs == {
        "input": True,
        "relu": False,
        "line": True,
        "sum": True,
        "mean": False,
        "scaled": True,
        "half": True,
    }
    assert build.shape("mean") == (3,)
    assert build.shape("scaled") == (3, 9, 8)


def test_what_cannot_be_is_refused_with_the_reason() -> None:
    build = builder()
    with pytest.raises(InvalidGenome, match="'c': kernel 4 is even; same padding needs an odd one"):
        build.conv("c", "input", unit="u", width=3, kernel=4, weight=W, activation=A)
    with pytest.raises(InvalidGenome, match="'c': depthwise 3 -> 4 channels; they must be equal"):
        build.conv(
            "c", "input", unit="u", width=4, kernel=3, depthwise=True, weight=W, activation=A
        )
    build.conv("c", "input", unit="u", width=4, kernel=3, weight=W, activation=A)
    with pytest.raises(InvalidGenome, match="two layers are named 'c'"):
        build.conv("c", "input", unit="u", width=4, kernel=3, weight=W, activation=A)
    with pytest.raises(InvalidGenome, match=r"cannot add \(4, 9, 8\) and \(3, 9, 8\)"):
        build.add("s", "c", "input", unit="u", activation=A, relu=True)
    with pytest.raises(InvalidGenome, match="'p': 10x10 pooling on a 9x8 map"):
        build.pool("p", "input", unit="u", mode="max", size=10, activation=A)
