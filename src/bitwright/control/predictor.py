"""Accuracy guessed from the genome, by what the study has recorded so far.

Performance predictors are compared in arXiv 2104.01177; where only some dozens of networks are
known, Gaussian processes are among the best.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from bitwright.control.features import Features
from bitwright.control.learned import LearnedMetric
from bitwright.control.reward import ACCURACY
from bitwright.control.screen import Screen, possible
from bitwright.records import Estimate, Genome, Outcome

if TYPE_CHECKING:
    from bitwright.execute.base import Workbench


class Predictor(Screen):
    """An ensemble that learns accuracy from decisions and costs."""

    def __init__(self, features: Features) -> None:
        self._accuracy = LearnedMetric(ACCURACY, features)

    @classmethod
    def make(cls, bench: "Workbench") -> Self:
        """From what is known of the space's candidates before they are trained, or foretold."""
        return cls(Features(bench.space, lambda one: {**bench.costs(one), **bench.foretold(one)}))

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Takes in the measured accuracies."""
        self._accuracy.learn(outcomes)

    def estimates(self, genomes: Sequence[Genome]) -> Sequence[Estimate] | None:
        """The ensemble's guesses, kept between 0 and 1."""
        found = self._accuracy.guess(genomes)
        return None if found is None else possible(*found)
