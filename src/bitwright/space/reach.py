"""Every unit that some network of a space has, with every shape that can reach it."""

import itertools
from collections.abc import Iterator

from bitwright.config import StageConfig
from bitwright.graph import Shape
from bitwright.records import Pick, UnitSpec
from bitwright.space.joint import CLASSIFIER, HEAD, JointSpace, field_options, shape_after
from bitwright.space.units import UNITS


def reachable_units(space: JointSpace) -> Iterator[tuple[UnitSpec, Shape]]:
    """Each unit that can come up, in the order of the places, and the shape before it."""
    shapes = {space.input_shape}
    for number in range(len(space.stages)):
        after = set[Shape]()
        for width in space.stages[number].width:
            for spec, shape in _units_of(space, number, width, shapes):
                yield spec, shape
                if int(spec.path.rpartition("/")[2]) + 1 in space.stages[number].depth:
                    after.add(shape_after(spec, shape))
        shapes = after
    for shape in sorted(shapes):
        yield UnitSpec(HEAD, CLASSIFIER, (("width", space.classes),)), shape


def _units_of(
    space: JointSpace, number: int, width: int, shapes: set[Shape]
) -> Iterator[tuple[UnitSpec, Shape]]:
    """Those of a stage of that width, which all of its units have; `shapes` may reach it."""
    stage = space.stages[number]
    for index in range(max(stage.depth)):
        strides = stage.stride if index == 0 else (1,)
        met = [
            (UnitSpec(f"{stage.name}/{index}", kind, params), shape)
            for shape, stride in itertools.product(sorted(shapes), strides)
            for kind in space.kinds_for(stage, shape, stride, pinned=number == 0 and index == 0)
            for params in _params(stage, kind, width, stride)
        ]
        yield from met
        shapes = {shape_after(spec, shape) for spec, shape in met}


def _params(
    stage: StageConfig, name: str, width: int, stride: int
) -> Iterator[tuple[tuple[str, Pick], ...]]:
    """Each way to be a unit of that kind."""
    kind = UNITS.get(name)
    fields: dict[str, tuple[Pick, ...]] = {"width": (width,)} if kind.sets_width else {}
    fields["stride"] = (stride,)
    fields |= {field: field_options(stage, field) for field in kind.fields}
    for picks in itertools.product(*fields.values()):
        yield tuple(zip(fields, picks, strict=True))
