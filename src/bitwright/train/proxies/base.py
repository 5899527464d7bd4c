"""A screen from a score: what an untrained network tells of a trained one's accuracy.

A score orders networks and says nothing of accuracy. As soon as some have been measured, their
accuracies are regressed on the ranks of their scores; until then the scores alone choose.
"""

import abc
import functools
import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from bitwright.control.learned import ENOUGH
from bitwright.control.rank_regression import RankRegression
from bitwright.control.reward import ACCURACY
from bitwright.control.screen import Screen, possible
from bitwright.execute.base import Workbench
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint, Estimate, Genome, Outcome

IMAGES = 64  # training images that a network is looked at with
SEED = 2006  # of every candidate's weights, so that candidates differ in what they are alone
REMEMBERED = 8192  # scores
LOWEST = -1e30  # the score of a network whose own is no number


class Proxy(Screen):
    """Scores a candidate's network with fresh weights; a higher score promises more accuracy."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._accuracy: dict[Genome, float] = {}
        self._regression: RankRegression | None = None
        self._scored = functools.lru_cache(maxsize=REMEMBERED)(self._look)

    @classmethod
    def make(cls, bench: Workbench) -> Self:
        """One that knows of no accuracy."""
        return cls(bench)

    @abc.abstractmethod
    def score(self, blueprint: Blueprint) -> float:
        """The score of the blueprint's network."""

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Remembers measured accuracies; they are held against scores when somebody asks."""
        for outcome in outcomes:
            accuracy = outcome.metric(ACCURACY)
            if outcome.state == "complete" and accuracy is not None:
                self._accuracy[outcome.genome] = accuracy
                self._regression = None

    def estimates(self, genomes: Sequence[Genome]) -> Sequence[Estimate] | None:
        """What networks of such ranks came to; None while too few are known."""
        if len(self._accuracy) < ENOUGH:
            return None
        if self._regression is None:
            known = np.array(self.scores(tuple(self._accuracy)))
            self._regression = RankRegression(known, np.array([*self._accuracy.values()]))
        return possible(*self._regression.guess(np.array(self.scores(genomes))))

    def scores(self, genomes: Sequence[Genome]) -> Sequence[float]:
        """The scores themselves."""
        return [self._scored(genome) for genome in genomes]

    def _look(self, genome: Genome) -> float:
        found = self.score(self._bench.space.decode(genome))
        return found if math.isfinite(found) else LOWEST

    def build(self, blueprint: Blueprint) -> QuantNet:
        """The blueprint's network with fresh weights."""
        return self._bench.shop.build(blueprint, SEED)

    @functools.cached_property
    def inputs(self) -> Tensor:
        """Training images from all over the set, as codes: (IMAGES, *shape), or as many as are."""
        inputs = self._bench.shop.train.inputs
        rows = torch.linspace(0, len(inputs) - 1, min(IMAGES, len(inputs)))
        return inputs[rows.long()]
