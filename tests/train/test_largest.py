"""The teacher's structure: the network of the space that computes the most."""

from typing import Any

import numpy as np
import pytest

from bitwright.config import StageConfig
from bitwright.control.operators import sample
from bitwright.errors import SpaceError
from bitwright.measure.cost import costs
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.space.templates import TEMPLATES
from bitwright.train.largest import FULL, largest


def stages(*parts: dict[str, Any]) -> tuple[StageConfig, ...]:
    return tuple(StageConfig.model_validate(part) for part in parts)


def test_it_is_the_widest_and_deepest_in_full_precision() -> None:
    space = stages(
        {"name": "stem", "width": [4, 16, 8], "kernel": [5, 3], "stride": [1, 2]},
        {"name": "body", "kinds": ["depthwise_separable", "conv"], "depth": [1, 3], "width": [8]},
    )
    found = largest(space, (1, 12, 12), 7)
    assert [(unit.path, unit.kind) for unit in found.units] == [
        ("stem/0", "conv"),
        *((f"body/{index}", "conv") for index in range(3)),
        ("head", "classifier"),
    ]
    assert dict(found.units[0].params) == {"width": 16, "stride": 2, "kernel": 5}
    assert {method for _, method in found.policy} == {FULL}
    assert (found.input_shape, found.classes) == ((1, 12, 12), 7)


@pytest.mark.parametrize(("template", "side"), [("tiny", 8), ("compact", 28)])
def test_no_sampled_network_of_equal_strides_computes_more(template: str, side: int) -> None:
    parts = [
        {**stage, "stride": max(stage.get("stride", [1]))} for stage in TEMPLATES.get(template)
    ]
    declared = stages(*parts)
    teacher = costs(expand(largest(declared, (1, side, side), 10)))["macs"]
    space = JointSpace(
        declared, MethodSpace((FULL,), (FULL,)), input_shape=(1, side, side), classes=10
    )
    rng = np.random.default_rng(0)
    found = [costs(expand(space.decode(sample(space, rng))))["macs"] for _ in range(50)]
    assert max(found) <= teacher


def test_answers_that_lead_nowhere_are_left_out() -> None:
    """A pool of stride 4 cannot stand on the map that a stem of stride 4 leaves."""
    space = stages(
        {"name": "stem", "width": [4], "stride": [2, 4]},
        {"name": "pool", "kinds": ["max_pool"], "stride": [4]},
    )
    assert largest(space, (1, 8, 8), 3).units[0].integer("stride") == 2


def test_a_space_without_a_network_says_so() -> None:
    with pytest.raises(SpaceError, match="the space holds no network"):
        largest(stages({"name": "pool", "kinds": ["max_pool"], "stride": [1]}), (1, 8, 8), 3)
