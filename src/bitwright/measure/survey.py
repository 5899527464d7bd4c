"""What the candidates of a space cost: random ones, counted from their graphs, none trained."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from bitwright.errors import InvalidGenome, SpaceError
from bitwright.measure.cost import costs
from bitwright.records import Blueprint, Choice, Genome, Pick
from bitwright.space.joint import JointSpace, expand

TRIES = 200  # random genomes to try before a space is said to hold none that decodes


@dataclasses.dataclass(frozen=True, slots=True)
class Surveyed:
    """One random candidate and its costs (see `cost.costs`)."""

    genome: Genome
    blueprint: Blueprint
    costs: Mapping[str, int]


def survey(space: JointSpace, count: int, rng: np.random.Generator) -> tuple[Surveyed, ...]:
    """So many random candidates: every decision uniform, those that lead nowhere drawn again."""
    return tuple(_one(space, rng) for _ in range(count))


def surveyed(space: JointSpace, genome: Genome) -> Surveyed:
    """That candidate, its costs counted."""
    blueprint = space.decode(genome)
    return Surveyed(genome, blueprint, costs(expand(blueprint)))


def _one(space: JointSpace, rng: np.random.Generator) -> Surveyed:
    def draw(choice: Choice) -> Pick:
        return choice.options[int(rng.integers(len(choice.options)))]

    for _ in range(TRIES):
        try:
            genome = space.fill(draw)
        except InvalidGenome:
            continue
        return surveyed(space, genome)
    raise SpaceError(
        f"none of {TRIES} random candidates of the space decodes; widen it, or its filters"
    )
