"""A screen: what is like a good network is probably good."""

import statistics
from collections.abc import Sequence
from typing import Self

from bitwright.control.screen import Screen
from bitwright.execute.base import Workbench
from bitwright.records import Estimate, Genome, Outcome

NEIGHBOURS = 2


class Neighbours(Screen):
    """Expects of a candidate what the recorded ones most like it have shown."""

    def __init__(self) -> None:
        self._known: dict[Genome, float] = {}

    @classmethod
    def make(cls, bench: Workbench) -> Self:
        """One that knows no network; it looks at genomes alone."""
        return cls()

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Remembers the measured accuracies."""
        for outcome in outcomes:
            accuracy = outcome.metric("accuracy")
            if outcome.state == "complete" and accuracy is not None:
                self._known[outcome.genome] = accuracy

    def estimates(self, genomes: Sequence[Genome]) -> Sequence[Estimate] | None:
        """The mean and the spread of the nearest; None while there are too few."""
        if len(self._known) < NEIGHBOURS:
            return None
        return [self._estimate(genome) for genome in genomes]

    def _estimate(self, genome: Genome) -> Estimate:
        picks = set(genome.picks)
        nearest = sorted(self._known, key=lambda other: -len(picks & set(other.picks)))
        found = [self._known[other] for other in nearest[:NEIGHBOURS]]
        return Estimate(statistics.mean(found), statistics.stdev(found))
