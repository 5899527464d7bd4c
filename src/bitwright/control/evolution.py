"""Ageing evolution (arXiv 1802.01548): a genetic algorithm whose fitness is the reward."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from bitwright.control.base import Controller, Snapshot, Space, genome_from_json, picks_to_json
from bitwright.control.operators import breed, fresh, sample, sample_alike
from bitwright.control.settings import Settings, read
from bitwright.records import Genome, Outcome


class EvolutionSettings(Settings):
    """How the population lives.

    `population` is also the number of random candidates it starts from; `alike` is the chance that
    one of them has the same methods in all of its units. `tournament` members are drawn for each
    parent and the fittest wins. `crossover` is the chance of a second parent,
    `policy` the chance that a mutation changes quantization methods rather than structure, `rate`
    the chance of each further change in one mutation.
    """

    batch: int = Field(4, ge=1)
    population: int = Field(20, ge=2)
    tournament: int = Field(6, ge=1)
    alike: float = Field(0.0, ge=0, le=1)
    crossover: float = Field(0.3, ge=0, le=1)
    policy: float = Field(0.5, ge=0, le=1)
    rate: float = Field(0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _tournament_fits(self) -> Self:
        if self.tournament > self.population:
            raise ValueError(
                f"tournament = {self.tournament} draws more than population = {self.population}"
            )
        return self


class EvolutionController(Controller):
    """A population of the newest outcomes: the oldest dies however fit, so luck does not last.

    Departures from the paper, for spaces of structure and quantization: a second parent at times,
    and mutations that change either the structure or the policy, at one place or a few.
    """

    def __init__(self, space: Space, settings: EvolutionSettings) -> None:
        self.batch = settings.batch
        self._space = space
        self._settings = settings
        self._population: collections.deque[tuple[Genome, float]] = collections.deque(
            maxlen=settings.population
        )
        self._seen: dict[Genome, None] = {}  # a set that keeps its order

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """Nothing of it depends on the seed; the initial reward belongs to no genome."""
        return cls(space, read(EvolutionSettings, options, "search.options"))

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """A random genome until the population is full, then a child of it."""
        if len(self._population) < self._settings.population:
            return fresh(lambda: self._random(rng), self._seen)
        return fresh(
            lambda: breed(self._space, lambda: self._parent(rng), rng, self._settings), self._seen
        )

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """The newcomers enter in their order; as many of the oldest leave."""
        self._population.extend((outcome.genome, outcome.reward) for outcome in outcomes)
        self._seen.update((outcome.genome, None) for outcome in outcomes)

    def snapshot(self) -> Snapshot:
        """The population from the oldest on, and all that was evaluated."""
        return {
            "population": [[picks_to_json(genome), reward] for genome, reward in self._population],
            "seen": [picks_to_json(genome) for genome in self._seen],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        self._population.clear()
        self._population.extend(
            (genome_from_json(self._space, picks), reward)
            for picks, reward in snapshot["population"]
        )
        self._seen = {genome_from_json(self._space, item): None for item in snapshot["seen"]}

    def _random(self, rng: np.random.Generator) -> Genome:
        alike = self._settings.alike
        drawn = sample_alike if alike and rng.random() < alike else sample
        return drawn(self._space, rng)

    def _parent(self, rng: np.random.Generator) -> Genome:
        drawn = rng.choice(len(self._population), size=self._settings.tournament, replace=False)
        return max((self._population[int(index)] for index in drawn), key=lambda member: member[1])[
            0
        ]
