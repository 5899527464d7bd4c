"""What a screen is: it guesses what candidates are worth before they are evaluated."""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from bitwright.control.features import Floats
from bitwright.records import Estimate, Genome, Outcome
from bitwright.registry import Registry, subclass_of

if TYPE_CHECKING:
    from bitwright.execute.base import Workbench


class Screen(abc.ABC):
    """Guesses, cheaply, what is worth an evaluation.

    The law is that of controllers: what it says is a pure function of its state and of the genomes
    it is asked about; state changes in `learn` alone, which is called once per finished iteration
    with all of its outcomes in the order of their numbers, after they were stored. So a fresh
    screen that learns the stored outcomes again says what the lost one would have said. What one
    genome is told does not depend on which others are asked about with it. One thread at a time
    may use a screen.
    """

    @classmethod
    @abc.abstractmethod
    def make(cls, bench: "Workbench") -> Self:
        """A screen that has learned nothing, for candidates of the bench's space and task."""

    @abc.abstractmethod
    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Takes in one iteration's outcomes."""

    @abc.abstractmethod
    def estimates(self, genomes: Sequence[Genome]) -> Sequence[Estimate] | None:
        """A guess at each genome's accuracy, in their order; None while too little is known."""

    def scores(self, genomes: Sequence[Genome]) -> Sequence[float] | None:
        """What orders the genomes while there are no estimates, the best highest; None: nothing."""
        return None


def possible(means: Floats, spreads: Floats) -> list[Estimate]:
    """Guesses as estimates, each accuracy kept between 0 and 1."""
    kept = np.clip(means, 0.0, 1.0)
    return [Estimate(float(m), float(s)) for m, s in zip(kept, spreads, strict=True)]


SCREENS: Registry[type[Screen]] = Registry(
    "screen", group="bitwright.screens", form=subclass_of(Screen)
)
SCREENS.register("predictor", "bitwright.control.predictor:Predictor")
SCREENS.register("entropy", "bitwright.train.proxies.entropy:Entropy")
SCREENS.register("naswot", "bitwright.train.proxies.naswot:Naswot")
SCREENS.register("supernet", "bitwright.train.cut_screen:SupernetScreen")
SCREENS.register("synflow", "bitwright.train.proxies.synflow:Synflow")
