"""What leaves a space for want of layers, and what is said of it."""

from typing import Any

import pytest

from bitwright.config import StageConfig
from bitwright.errors import TargetError
from bitwright.graph import Graph
from bitwright.space.runnable import Lacks, Runnable, runnable


def without(*operations: str) -> Lacks:
    """A processor that has all layers but these."""

    def lacks(graph: Graph) -> str | None:
        for node in graph.nodes:
            operation = "depthwise" if node.groups > 1 else node.op
            if operation in operations:
                return f"no '{operation}'"
        return None

    return lacks


def left(lacks: Lacks, **keys: Any) -> Runnable:
    return runnable((StageConfig.model_validate({"name": "body", "width": 8, **keys}),), lacks)


KINDS = ["conv", "depthwise_separable", "inverted_bottleneck", "residual"]


def test_nothing_leaves_where_every_layer_runs() -> None:
    stage = StageConfig(name="body", kinds=(*KINDS, "max_pool", "identity"), stride=(1, 2))
    assert runnable((stage, stage), without()) == Runnable((stage, stage))


def test_kinds_leave_with_the_layers_that_they_need() -> None:
    found = left(without("depthwise"), kinds=KINDS)
    assert found.stages[0].kinds == ("conv", "residual")
    assert found.left_out == (
        "body depthwise_separable: no 'depthwise'",
        "body inverted_bottleneck: no 'depthwise'",
    )


def test_a_sum_that_only_some_shapes_need_counts() -> None:
    assert left(without("add"), kinds=KINDS).stages[0].kinds == ("conv", "depthwise_separable")
    pools = left(without("max_pool"), kinds=["max_pool", "average_pool"], stride=2)
    assert pools.stages[0].kinds == ("average_pool",)


def test_squeeze_excite_leaves_where_maps_are_not_multiplied() -> None:
    found = left(without("multiply"), kinds=KINDS, squeeze_excite=[False, True], kernel=[3, 5])
    assert found.stages[0].kinds == tuple(KINDS)
    assert found.stages[0].squeeze_excite == (False,)
    assert found.stages[0].kernel == (3, 5)
    assert found.left_out == ("body squeeze_excite 1 of inverted_bottleneck: no 'multiply'",)


def test_a_kind_that_runs_with_no_option_leaves_and_spares_the_others_theirs() -> None:
    found = left(without("multiply"), kinds=["conv", "inverted_bottleneck"], squeeze_excite=True)
    assert found.stages[0].kinds == ("conv",)
    assert found.stages[0].squeeze_excite == (True,), "conv does not read it"
    assert found.left_out == ("body inverted_bottleneck: no 'multiply'",)


def test_a_stage_that_would_be_empty_is_refused() -> None:
    with pytest.raises(TargetError) as caught:
        left(without("add"), kinds=["residual"])
    assert str(caught.value) == (
        "stage 'body' would be empty without what the target does not run: body residual: no "
        "'add'; give it other kinds or another target"
    )
