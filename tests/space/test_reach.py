"""Which units can come up, and behind what."""

from typing import Any

import pytest

from bitwright.config import StageConfig
from bitwright.control.operators import sample
from bitwright.graph import GraphBuilder
from bitwright.quant.spec import Method
from bitwright.records import Blueprint, UnitSpec
from bitwright.seeds import generator
from bitwright.space.joint import INPUT_METHOD, JointSpace, MethodSpace
from bitwright.space.reach import Before, reachable_units
from bitwright.space.templates import TEMPLATES
from bitwright.space.units import UNITS, Methods

METHODS = MethodSpace((Method.parse("lsq:4"),), (Method.parse("lsq:8", "activation"),))
MIXED: tuple[dict[str, Any], ...] = (
    {"name": "stem", "width": [4, 6], "stride": [1, 2]},
    {"name": "pool", "kinds": ["max_pool", "residual"], "width": [6, 8], "stride": [2]},
    {
        "name": "body",
        "kinds": ["identity", "inverted_bottleneck"],
        "depth": [1, 3],
        "width": [4, 6],
    },
    {"name": "last", "kinds": ["fully_connected"], "width": [5, 7]},
)


def spaces() -> dict[str, JointSpace]:
    named = {**{name: TEMPLATES.get(name) for name in TEMPLATES}, "mixed": MIXED}
    return {
        name: JointSpace(
            tuple(StageConfig(**stage) for stage in stages),
            METHODS,
            input_shape=(1, 28, 28),
            classes=10,
        )
        for name, stages in named.items()
    }


def walked(blueprint: Blueprint) -> list[tuple[UnitSpec, Before]]:
    """Each unit of a network with what stands before it."""
    build = GraphBuilder(blueprint.input_shape, INPUT_METHOD)
    met = []
    for spec in blueprint.units:
        graph = build.finish()
        maker = graph.maker(graph.node(build.last))
        met.append((spec, Before(build.shape(build.last), maker.unit)))
        UNITS.get(spec.kind).expand(build, spec, Methods(INPUT_METHOD, INPUT_METHOD))
    return met


@pytest.mark.parametrize("name", spaces())
def test_no_network_has_a_unit_that_was_not_told(name: str) -> None:
    space = spaces()[name]
    told = set(reachable_units(space))
    rng = generator(0, 0, name)
    for _ in range(100):
        assert set(walked(space.decode(sample(space, rng)))) <= told


def test_nothing_is_told_that_no_network_has() -> None:
    space = spaces()["mixed"]
    rng = generator(0, 0, "mixed")
    met = set[tuple[UnitSpec, Before]]()
    for _ in range(3000):
        met.update(walked(space.decode(sample(space, rng))))
    assert set(reachable_units(space)) == met
