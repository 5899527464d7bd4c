"""Each kind of unit: the layers it becomes."""

import pytest

from bitwright.graph import Node
from bitwright.space.joint import expand
from bitwright.testing.networks import blueprint_of


def layers(**stage: object) -> dict[str, Node]:
    """The layers of one unit on a 4x8x8 map, by the end of their names."""
    graph = expand(blueprint_of({"name": "s", **stage}, shape=(4, 8, 8)))
    return {node.name.removeprefix("s/0/"): node for node in graph.nodes if node.unit == "s/0"}


def test_conv() -> None:
    (conv,) = layers(width=6, kernel=5, stride=2).values()
    assert (conv.op, conv.kernel, conv.stride, conv.shape) == ("conv", 5, 2, (6, 4, 4))
    assert conv.batch_norm
    assert not conv.signed


def test_depthwise_separable() -> None:
    found = layers(kinds="depthwise_separable", width=6, kernel=3, stride=2)
    assert [(node.shape, node.groups) for node in found.values()] == [
        ((4, 4, 4), 4),
        ((6, 4, 4), 1),
    ]


def test_inverted_bottleneck_adds_its_input_where_shapes_allow() -> None:
    found = layers(kinds="inverted_bottleneck", width=4, expansion=3, squeeze_excite=True)
    assert list(found) == [
        *("expand", "depthwise", "squeeze", "reduce", "gate", "excite", "project", "add"),
    ]
    assert found["depthwise"].shape == found["excite"].shape == (12, 8, 8)
    assert found["excite"].inputs == ("s/0/depthwise", "s/0/gate")
    assert found["gate"].gate
    assert found["project"].signed
    assert found["add"].inputs == ("s/0/project", "input")
    assert list(layers(kinds="inverted_bottleneck", width=4, expansion=1)) == [
        *("depthwise", "project", "add"),
    ]
    assert "add" not in layers(kinds="inverted_bottleneck", width=6)
    assert "add" not in layers(kinds="inverted_bottleneck", width=4, stride=2)


@pytest.mark.parametrize(("convs", "kernels"), [(2, [3, 3]), (3, [1, 3, 1])])
def test_residual(convs: int, kernels: list[int]) -> None:
    same = layers(kinds="residual", width=4, convs=convs)
    assert [node.kernel for node in same.values() if node.op == "conv"] == kernels
    assert same["add"].inputs == (f"s/0/conv{convs}", "input")
    assert not same["add"].signed
    wider = layers(kinds="residual", width=6, convs=convs, stride=2)
    assert wider["add"].inputs == (f"s/0/conv{convs}", "s/0/shortcut")
    assert wider["add"].shape == (6, 4, 4)
    if convs == 3:
        assert wider["conv1"].shape == (3, 8, 8)


def test_pools_keep_the_channels() -> None:
    (pool,) = layers(kinds="max_pool", stride=4, width=99).values()
    assert (pool.op, pool.shape, pool.activation) == ("max_pool", (4, 2, 2), None)
    (pool,) = layers(kinds="average_pool", stride=2).values()
    assert (pool.op, pool.shape) == ("average_pool", (4, 4, 4))
    assert pool.activation is not None
    assert pool.signed  # as its input is


def test_fully_connected_ends_in_a_relu() -> None:
    (linear,) = layers(kinds="fully_connected", width=7).values()
    assert (linear.op, linear.shape, linear.signed, linear.batch_norm) == (
        *("linear", (7,), False, False),
    )
