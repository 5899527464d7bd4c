"""The hand-made network beside a study's winner: what one would build without a search."""

from bitwright.graph import Shape
from bitwright.quant.spec import ROLES, Method, Site
from bitwright.records import Blueprint, UnitSpec
from bitwright.space.joint import HEAD
from bitwright.space.units import UNITS

WIDTH = 48  # channels of a small keyword-spotting DS-CNN (arXiv 1711.07128), moved to images
BIG = 20  # pixels a side from which the first layer takes a stride


def baseline(input_shape: Shape, classes: int, weight: Method, activation: Method) -> Blueprint:
    """A convolution and four depthwise-separable units of one width, all on the same methods."""
    big = min(input_shape[1:]) >= BIG
    units = [_unit("stem/0", "conv", WIDTH // 2, 2 if big else 1)]
    for index, stride in enumerate((1, 2, 1, 2 if big else 1)):
        units.append(_unit(f"body/{index}", "depthwise_separable", WIDTH, stride))
    units.append(UnitSpec(HEAD, "classifier", (("width", classes),)))
    chosen = {"weight": weight, "activation": activation}
    policy = tuple(
        (Site(unit.path, role), chosen[role])
        for unit in units
        for role in ROLES
        if role in UNITS.get(unit.kind).roles
    )
    return Blueprint(input_shape, classes, tuple(units), policy)


def _unit(path: str, kind: str, width: int, stride: int) -> UnitSpec:
    return UnitSpec(path, kind, (("width", width), ("stride", stride), ("kernel", 3)))
