"""What leaves a space for want of layers, and what is said of it."""

from typing import Any

import pytest

from bitwright.config import StageConfig
from bitwright.errors import TargetError
from bitwright.graph import Graph
from bitwright.quant.spec import Method
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.space.reach import reachable_units
from bitwright.space.runnable import Lacks, Runnable, runnable

METHODS = MethodSpace((Method.parse("lsq:4"),), (Method.parse("lsq:4", "activation"),))
KINDS = ["conv", "depthwise_separable", "inverted_bottleneck", "residual"]


def without(*operations: str) -> Lacks:
    """A processor that has all layers but these."""

    def lacks(graph: Graph) -> str | None:
        for node in graph.nodes:
            operation = "depthwise" if node.groups > 1 else node.op
            if operation in operations:
                return f"no '{operation}'"
        return None

    return lacks


def space(**keys: Any) -> JointSpace:
    """A stem of 8 channels, and a body of two units."""
    body = {"name": "body", "depth": 2, "width": 8, **keys}
    stages = [StageConfig.model_validate(one) for one in ({"name": "stem", "width": 8}, body)]
    return JointSpace(tuple(stages), METHODS, input_shape=(1, 8, 8), classes=10)


def left(lacks: Lacks, **keys: Any) -> tuple[StageConfig, Runnable]:
    found = runnable(space(**keys), lacks)
    return found.space.stages[1], found


def test_nothing_leaves_where_every_layer_runs() -> None:
    whole = space(kinds=[*KINDS, "max_pool", "identity"], stride=[1, 2], squeeze_excite=[0, 1])
    found = runnable(whole, without())
    assert found.space is whole and found.left_out == ()


def test_kinds_leave_with_the_layers_that_they_need() -> None:
    stage, found = left(without("depthwise"), kinds=KINDS)
    assert stage.kinds == ("conv", "residual")
    assert found.left_out == (
        "body depthwise_separable: no 'depthwise'",
        "body inverted_bottleneck: no 'depthwise'",
    )
    assert found.space.space_id == space(kinds=["conv", "residual"]).space_id


def test_a_sum_that_only_some_shapes_need_counts() -> None:
    stage, _ = left(without("add"), kinds=KINDS)
    assert stage.kinds == ("conv", "depthwise_separable")
    stage, _ = left(without("add"), kinds=KINDS[:3], depth=1, width=16)
    assert stage.kinds == tuple(KINDS[:3]), "8 channels are never added to 16"
    stage, _ = left(without("max_pool"), kinds=["max_pool", "average_pool", "conv"], stride=2)
    assert stage.kinds == ("average_pool", "conv")


def test_squeeze_excite_leaves_where_maps_are_not_multiplied() -> None:
    keys = {"kinds": KINDS, "squeeze_excite": [False, True], "kernel": [3, 5]}
    stage, found = left(without("multiply"), **keys)
    assert stage.kinds == tuple(KINDS)
    assert stage.squeeze_excite == (False,)
    assert stage.kernel == (3, 5)
    assert found.left_out == ("body squeeze_excite 1 of inverted_bottleneck: no 'multiply'",)


def test_a_kind_that_runs_with_no_option_leaves_and_spares_the_others_theirs() -> None:
    keys = {"kinds": ["conv", "inverted_bottleneck"], "squeeze_excite": True}
    stage, found = left(without("multiply"), **keys)
    assert stage.kinds == ("conv",)
    assert stage.squeeze_excite == (True,), "conv does not read it"
    assert found.left_out == ("body inverted_bottleneck: no 'multiply'",)


def test_a_kind_leaves_where_it_breaks_by_two_fields_together() -> None:
    def lacks(graph: Graph) -> str | None:
        wide = any(node.groups == 32 and node.kernel == 5 for node in graph.nodes)
        return "no such depthwise" if wide else None

    keys = {"kinds": ["conv", "inverted_bottleneck"], "kernel": [3, 5], "expansion": [2, 4]}
    stage, found = left(lacks, **keys)
    assert stage.kinds == ("conv",) and stage.kernel == (3, 5)
    assert found.left_out == ("body inverted_bottleneck: no such depthwise",)


@pytest.mark.parametrize("operation", ["depthwise", "add", "multiply", "average_pool"])
def test_no_network_that_is_left_needs_what_is_not_there(operation: str) -> None:
    lacks = without(operation)
    keys = {"kinds": [*KINDS, "average_pool"], "stride": [1, 2], "squeeze_excite": [False, True]}
    _, found = left(lacks, **keys)
    assert found.left_out
    smallest = found.space.decode(found.space.fill(lambda choice: choice.options[0]))
    largest = found.space.decode(found.space.fill(lambda choice: choice.options[-1]))
    assert lacks(expand(smallest)) is None and lacks(expand(largest)) is None
    kinds = {spec.kind for spec, _ in reachable_units(found.space)}
    assert kinds == {*found.space.stages[1].kinds, "conv", "classifier"}


def test_a_stage_that_would_be_empty_is_refused() -> None:
    with pytest.raises(TargetError) as caught:
        left(without("add"), kinds=["residual"])
    assert str(caught.value) == (
        "stage 'body' would be empty without what the target does not run: body residual: no "
        "'add'; give it other kinds or another target"
    )
