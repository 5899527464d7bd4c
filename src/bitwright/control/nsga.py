"""NSGA-II (Deb et al. 2002, doi 10.1109/4235.996017): evolution towards several goals at once."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import Field, field_validator

from bitwright.control.base import Controller, Snapshot, Space, genome_from_json, picks_to_json
from bitwright.control.domination import order
from bitwright.control.operators import breed, fresh, sample
from bitwright.control.reward import ACCURACY
from bitwright.control.settings import Settings, read
from bitwright.errors import MeasurementError
from bitwright.records import Genome, Outcome


class NsgaSettings(Settings):
    """What is striven for and how the population lives.

    Of the `objectives`, accuracy shall rise and every other metric fall. `population` is also the
    number of random candidates it starts from. `crossover` is the chance of a second parent,
    `policy` the chance that a mutation changes quantization methods rather than structure, `rate`
    the chance of each further change in one mutation.
    """

    batch: int = Field(4, ge=1)
    objectives: tuple[str, ...] = Field((ACCURACY, "packed_bytes"), min_length=1)
    population: int = Field(20, ge=2)
    crossover: float = Field(0.5, ge=0, le=1)
    policy: float = Field(0.5, ge=0, le=1)
    rate: float = Field(0.05, ge=0, lt=1)

    @field_validator("objectives")
    @classmethod
    def _each_once(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(objectives)) != len(objectives):
            raise ValueError(f"objectives names a metric twice: {', '.join(objectives)}")
        return objectives


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One of the population: its cost in every objective, and by how much it broke its limits."""

    genome: Genome
    costs: tuple[float, ...]
    violation: float


class NsgaController(Controller):
    """Keeps the candidates that no other beats, the least crowded of them first.

    Departures from the paper: the population is sorted after every iteration rather than after
    as many children as it has members, since a study's budget is a few hundred candidates; the
    operators are those for genomes whose decisions come and go. The reward serves as the measure
    of how far an infeasible or failed candidate was from a valid one, and for nothing else.
    """

    def __init__(self, space: Space, settings: NsgaSettings) -> None:
        self.batch = settings.batch
        self._space = space
        self._settings = settings
        self._population: list[Member] = []  # the best first
        self._seen: dict[Genome, None] = {}  # a set that keeps its order

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """Nothing of it depends on the seed or on the reward."""
        return cls(space, read(NsgaSettings, options, "search.options"))

    @property
    def objectives(self) -> tuple[str, ...]:
        """Those of the settings."""
        return self._settings.objectives

    @property
    def needs(self) -> frozenset[str]:
        """The objectives."""
        return frozenset(self.objectives)

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """A random genome until the population is full, then a child of it."""
        if len(self._seen) < self._settings.population or not self._population:
            return fresh(lambda: sample(self._space, rng), self._seen)
        return fresh(
            lambda: breed(self._space, lambda: self._parent(rng), rng, self._settings), self._seen
        )

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """The newcomers join, and the worst of all leave."""
        members = [*self._population, *map(self._member, outcomes)]
        kept = _order(members)[: self._settings.population]
        self._population = [members[index] for index in kept]
        self._seen.update((outcome.genome, None) for outcome in outcomes)

    def ranked(
        self, outcomes: Sequence[Outcome], above: Sequence[Outcome] = ()
    ) -> Sequence[Outcome]:
        """By the objectives: those that no other beats first, of them the least crowded.

        Where some have gone on, by how far each would lie ahead of these if it gained as much as
        they did: the additive epsilon indicator (Zitzler and Künzli 2004,
        doi 10.1007/978-3-540-30217-9_84), each objective's range being 1.
        """
        members = list(map(self._member, outcomes))
        ordered = [outcomes[index] for index in _order(members)]
        if not above:
            return ordered
        costs = {one.number: np.array(m.costs) for one, m in zip(outcomes, members, strict=True)}
        beyond = np.array([self._member(outcome).costs for outcome in above])
        gains = [
            gone - costs[outcome.goes_on]
            for outcome, gone in zip(above, beyond, strict=True)
            if outcome.goes_on in costs
        ]
        gain = np.mean(gains, axis=0) if gains else 0.0
        hoped = {number: found + gain for number, found in costs.items()}
        span = np.ptp(np.vstack([*hoped.values(), beyond]), axis=0)
        span[span == 0] = 1.0

        def ahead(outcome: Outcome) -> float:
            return float(((beyond - hoped[outcome.number]) / span).max(axis=1).min())

        return sorted(ordered, key=ahead, reverse=True)

    def _member(self, outcome: Outcome) -> Member:
        if outcome.state != "complete":  # its metrics may be missing and do not count
            costs = tuple(0.0 for _ in self._settings.objectives)
            return Member(outcome.genome, costs, max(-outcome.reward, np.finfo(float).tiny))
        return Member(
            outcome.genome,
            tuple(self._cost(outcome, name) for name in self._settings.objectives),
            violation=0.0,
        )

    def _cost(self, outcome: Outcome, name: str) -> float:
        value = outcome.metric(name)
        if value is None:
            raise MeasurementError(
                f"objective '{name}' was not measured in trial {outcome.number} (there are: "
                f"{', '.join(sorted(dict(outcome.metrics))) or 'none'}); measure it or take it "
                "out of search.options.objectives"
            )
        return -value if name == ACCURACY else value

    def _parent(self, rng: np.random.Generator) -> Genome:
        """The better of two that are drawn: the population stands in order."""
        drawn = rng.integers(len(self._population), size=2)
        return self._population[int(drawn.min())].genome

    def snapshot(self) -> Snapshot:
        """The population from the best on, and all that was evaluated."""
        return {
            "population": [
                [picks_to_json(member.genome), list(member.costs), member.violation]
                for member in self._population
            ],
            "seen": [picks_to_json(genome) for genome in self._seen],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        self._population = [
            Member(genome_from_json(self._space, picks), tuple(costs), violation)
            for picks, costs, violation in snapshot["population"]
        ]
        self._seen = {genome_from_json(self._space, item): None for item in snapshot["seen"]}


def _order(members: Sequence[Member]) -> list[int]:
    """Their places, the best first."""
    if not members:
        return []
    costs = np.array([member.costs for member in members])
    violations = np.array([member.violation for member in members])
    return [int(index) for index in order(costs, violations)]
