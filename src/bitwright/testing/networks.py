"""Small networks by the names of their parts, to try layers, exporters and targets with."""

from typing import Any

from bitwright.config import StageConfig
from bitwright.graph import Shape
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.space.joint import JointSpace, MethodSpace


def blueprint_of(
    *stages: dict[str, Any],
    weight: str = "lsq:4:channel",
    activation: str = "lsq:4:tensor",
    shape: Shape = (1, 8, 8),
    classes: int = 10,
) -> Blueprint:
    """The network of stages written as in a study file, the first option taken everywhere.

    >>> [unit.path for unit in blueprint_of({"name": "stem", "width": 8}).units]
    ['stem/0', 'head']
    """
    methods = MethodSpace((Method.parse(weight),), (Method.parse(activation, "activation"),))
    parts = tuple(StageConfig.model_validate(stage) for stage in stages)
    space = JointSpace(parts, methods, input_shape=shape, classes=classes)
    return space.decode(space.fill(lambda choice: choice.options[0]))
