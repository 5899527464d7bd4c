"""A controller: hill climbing."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from bitwright.control.base import (
    Controller,
    Snapshot,
    Space,
    genome_from_json,
    picks_to_json,
)
from bitwright.control.operators import fresh, mutate, sample
from bitwright.control.settings import Settings, read
from bitwright.records import Genome, Outcome


class HillClimberSettings(Settings):
    """What a study may say under `search.options`."""

    batch: int = 2
    rate: float = 0.1


class HillClimber(Controller):
    """Changes the best candidate so far in a few places; at the start, it draws at random."""

    def __init__(self, space: Space, settings: HillClimberSettings) -> None:
        self.batch = settings.batch
        self._space = space
        self._rate = settings.rate
        self._best: tuple[Genome, float] | None = None
        self._seen: dict[Genome, None] = {}

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """A climber at the foot of the hill."""
        return cls(space, read(HillClimberSettings, options, "search.options"))

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """A neighbour of the best candidate that was not evaluated yet."""
        if self._best is None:
            return fresh(lambda: sample(self._space, rng), self._seen)
        best = self._best[0]
        return fresh(lambda: mutate(self._space, best, rng, rate=self._rate), self._seen)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Remembers what was evaluated, and the best of it."""
        for outcome in outcomes:
            self._seen[outcome.genome] = None
            if self._best is None or outcome.reward > self._best[1]:
                self._best = outcome.genome, outcome.reward

    def snapshot(self) -> Snapshot:
        """All that it remembers, as JSON values."""
        best = self._best and [picks_to_json(self._best[0]), self._best[1]]
        return {"best": best, "seen": [picks_to_json(genome) for genome in self._seen]}

    def restore(self, snapshot: Snapshot) -> None:
        """Remembers that again."""
        best = snapshot["best"]
        self._best = best and (genome_from_json(self._space, best[0]), best[1])
        self._seen = {genome_from_json(self._space, item): None for item in snapshot["seen"]}
