"""Random search: the honest baseline that every other controller has to beat."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import Field

from bitwright.control.base import Controller, Snapshot, Space, genome_from_json, picks_to_json
from bitwright.control.operators import fresh, sample
from bitwright.control.settings import Settings, read
from bitwright.records import Genome, Outcome


class RandomSettings(Settings):
    """`batch`: candidates per iteration."""

    batch: int = Field(4, ge=1)


class RandomController(Controller):
    """Uniform samples that avoid what was evaluated already."""

    def __init__(self, space: Space, settings: RandomSettings) -> None:
        self.batch = settings.batch
        self._space = space
        self._seen: dict[Genome, None] = {}  # a set that keeps its order

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """Nothing of it depends on the seed or on the reward."""
        return cls(space, read(RandomSettings, options, "search.options"))

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """A uniform sample."""
        return fresh(lambda: sample(self._space, rng), self._seen)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Remembers what was evaluated."""
        self._seen.update((outcome.genome, None) for outcome in outcomes)

    def snapshot(self) -> Snapshot:
        """What was evaluated."""
        return {"seen": [picks_to_json(genome) for genome in self._seen]}

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        self._seen = {genome_from_json(self._space, item): None for item in snapshot["seen"]}
