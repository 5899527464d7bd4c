"""Every unit that some network of a space has, and what can stand before it."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator

from bitwright.config import StageConfig
from bitwright.graph import Graph, GraphBuilder, Shape
from bitwright.records import Pick, UnitSpec
from bitwright.space.joint import (
    CLASSIFIER,
    HEAD,
    INPUT_METHOD,
    JointSpace,
    field_options,
    shape_after,
)
from bitwright.space.units import UNITS, Methods


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Before:
    """What reaches a unit: a shape, and the unit that made its channels (or "input")."""

    shape: Shape
    maker: str


def reachable_units(space: JointSpace) -> Iterator[tuple[UnitSpec, Before]]:
    """Each unit that can come up, in the order of the places, and what can stand before it."""
    before = {Before(space.input_shape, "input")}
    for number in range(len(space.stages)):
        after = set[Before]()
        for width in space.stages[number].width:
            for spec, source in _units_of(space, number, width, before):
                yield spec, source
                if int(spec.path.rpartition("/")[2]) + 1 in space.stages[number].depth:
                    after.add(_after(spec, source))
        before = after
    for source in sorted(before):
        yield UnitSpec(HEAD, CLASSIFIER, (("width", space.classes),)), source


def _units_of(
    space: JointSpace, number: int, width: int, before: set[Before]
) -> Iterator[tuple[UnitSpec, Before]]:
    """Those of a stage of that width, which all of its units have; `before` may reach it."""
    stage = space.stages[number]
    for index in range(max(stage.depth)):
        strides = stage.stride if index == 0 else (1,)
        pinned = number == 0 and index == 0
        met = [
            (UnitSpec(f"{stage.name}/{index}", kind, params), source)
            for source, stride in itertools.product(sorted(before), strides)
            for kind in space.kinds_for(stage, source.shape, stride, pinned=pinned)
            for params in _params(stage, kind, width, stride)
        ]
        yield from met
        before = {_after(spec, source) for spec, source in met}


def _after(spec: UnitSpec, before: Before) -> Before:
    """What the unit hands on."""
    makes = _makes_channels(anywhere(spec), before.shape)
    return Before(shape_after(spec, before.shape), spec.path if makes else before.maker)


def anywhere(spec: UnitSpec) -> UnitSpec:
    """The same for all places: what does not depend on the path is worked out once."""
    return dataclasses.replace(spec, path="unit")


@functools.lru_cache(maxsize=4096)
def _makes_channels(spec: UnitSpec, shape: Shape) -> bool:
    """Whether the unit makes the channels that it hands on."""
    graph = graph_of(spec, shape)
    return graph.maker(graph.output) != graph.input


def graph_of(spec: UnitSpec, shape: Shape) -> Graph:
    """The unit alone on an input of that shape, its methods left aside."""
    build = GraphBuilder(shape, INPUT_METHOD)
    UNITS.get(spec.kind).expand(build, spec, Methods(INPUT_METHOD, INPUT_METHOD))
    return build.finish()


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
