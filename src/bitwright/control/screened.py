"""Any controller, behind a screen: of many proposals the most promising one is evaluated."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np

from bitwright.control.base import Controller, Snapshot, Space, Standing
from bitwright.control.domination import order, ranks
from bitwright.control.features import REMEMBERED, Costs, Features, Floats
from bitwright.control.learned import LearnedMetric
from bitwright.control.reward import ACCURACY, Reward
from bitwright.control.screen import Screen
from bitwright.errors import ConfigError, MeasurementError
from bitwright.records import Estimate, Genome, Outcome, outcome_from_json, outcome_to_json

OPTIMISM = 0.5  # standard deviations that a guess is raised by: what is uncertain gets its chance
TRIES = 10  # proposals drawn for each place in the pool, at most, where limits rule them out
Values = dict[str, float]


class Screened(Standing):
    """Draws a pool of proposals from a controller and hands on the one that promises most.

    The screen guesses accuracies. Costs that are exact before training are never guessed: what
    breaks a limit on them is handed on only where nothing else is found. Other metrics (latency)
    are taken as `foretold` by the target; a network that it cannot tell of (MeasurementError) is
    handed on only where nothing else is found. Where it foretells none they are learned from
    recorded outcomes; until there are enough of them they set no candidate apart.
    The most promising one has the highest reward if the guess is raised by a part of its spread;
    under a controller with objectives, it stands best among the recorded candidates that no other
    beats. While the screen gives no estimates, its scores choose among proposals that no other of
    the pool beats in score and costs; without scores the first proposal passes.

    Proposals of one iteration do not know of each other, nor of those of the iterations that are
    still at work where proposals are made `ahead` of them, and would all be the same few. So each
    chooses among a share of the pool of its own: every genome belongs to one place among as many as
    there are such proposals.
    """

    def __init__(
        self,
        controller: Controller,
        screen: Callable[[], Screen],
        *,
        features: Features,
        reward: Reward,
        pool: int,
        foretold: Costs = lambda _: {},
        ahead: int = 0,
    ) -> None:
        super().__init__(controller)
        self._new_screen = screen
        self._features = features
        self._foretold = lru_cache(maxsize=REMEMBERED)(foretold)
        self._reward = reward
        self._pool_size = pool
        self._places = self.batch * (ahead + 1)
        self._guided = (reward.needs | set(self.objectives)) - {ACCURACY}
        self._forget()

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """Refuses: there is no screen without a controller behind it."""
        raise ConfigError("a screen stands before another controller; name it under search.screen")

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """The most promising of a pool of the controller's proposals."""
        drawn = self._pool(number, rng)
        pool = [genome for genome in drawn if self._is_told(genome)]
        if not pool:
            return drawn[0]
        estimates = self._screen.estimates(pool)
        if estimates is not None:
            return pool[self._most_promising(pool, estimates)]
        scores = self._screen.scores(pool)
        return drawn[0] if scores is None else pool[self._unbeaten(pool, scores, rng)]

    def estimate(self, genome: Genome) -> Estimate | None:
        """The screen's guess; None of a network that the target cannot tell of."""
        if not self._is_told(genome):
            return None
        found = self._screen.estimates([genome])
        return None if found is None else found[0]

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Controller and screen learn them."""
        self._controller.learn(outcomes)
        self._fold(outcomes)

    def snapshot(self) -> Snapshot:
        """The controller's state, and the outcomes from which the rest follows."""
        learned = [[outcome_to_json(outcome) for outcome in batch] for batch in self._learned]
        return {"controller": self._controller.snapshot(), "learned": learned}

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        self._controller.restore(snapshot["controller"])
        self._forget()
        for batch in snapshot["learned"]:
            self._fold([outcome_from_json(text) for text in batch])

    def _forget(self) -> None:
        self._screen = self._new_screen()
        self._metrics = {name: LearnedMetric(name, self._features) for name in self._guided}
        self._learned: list[Sequence[Outcome]] = []
        self._seen: set[Genome] = set()
        self._front = np.zeros((0, len(self.objectives)))  # costs; unbeaten among the recorded

    def _fold(self, outcomes: Sequence[Outcome]) -> None:
        self._screen.learn(outcomes)
        for metric in self._metrics.values():
            metric.learn(outcomes)
        self._learned.append(outcomes)
        self._seen.update(outcome.genome for outcome in outcomes)
        complete = [dict(one.metrics) for one in outcomes if one.state == "complete"]
        values = [{name: found.value for name, found in metrics.items()} for metrics in complete]
        known = np.vstack([self._front, *map(self._goals, values)])
        self._front = known[ranks(known, np.zeros(len(known))) == 0]

    def _pool(self, number: int, rng: np.random.Generator) -> list[Genome]:
        """Different proposals, none of them over a limit or recorded if there are others."""
        drawn: list[Genome] = []
        fitting: list[Genome] = []
        while len(fitting) < self._pool_size and len(drawn) < TRIES * self._pool_size:
            seed = int(rng.integers(2**63))
            drawn.append(self._controller.propose(number, np.random.default_rng(seed)))
            if self._penalty(self._features.costs(drawn[-1])) == 0:
                fitting.append(drawn[-1])
        pool = fitting or [max(drawn, key=lambda one: self._penalty(self._features.costs(one)))]
        different = dict.fromkeys(pool)
        unseen = [genome for genome in different if genome not in self._seen] or list(different)
        place = number % self._places
        return [one for one in unseen if _place(one, self._places) == place] or unseen

    def _is_told(self, genome: Genome) -> bool:
        """Whether the target can tell anything of the network; some are too large for its tools."""
        try:
            self._foretold(genome)
        except MeasurementError:
            return False
        return True

    def _penalty(self, values: Mapping[str, float]) -> float:
        """What broken limits make of the reward; 0 where none of the known values breaks one."""
        broken = self._reward.violations(values, only_known=True)
        return self._reward.penalty(broken) if broken else 0.0

    def _most_promising(self, pool: Sequence[Genome], estimates: Sequence[Estimate]) -> int:
        hoped = self._hoped(pool, estimates)
        penalties = [self._penalty(values) for values in hoped]
        if self.objectives:
            costs = np.vstack([self._front, *map(self._goals, hoped)])
            violations = np.concatenate([np.zeros(len(self._front)), -np.array(penalties)])
            ordered = order(costs, violations) - len(self._front)
            return int(ordered[ordered >= 0][0])
        kept = max(penalties)  # 0 where some keep to every limit: then only they are compared
        usual = self._reward.usual
        worth = [
            self._reward.score(usual | values) if penalty == kept else -np.inf
            for values, penalty in zip(hoped, penalties, strict=True)
        ]
        return int(np.argmax(worth))

    def _hoped(self, pool: Sequence[Genome], estimates: Sequence[Estimate]) -> list[Values]:
        """What each genome may measure: exact, foretold, learned, or hoped for by its estimate."""
        found = [self._known(genome) for genome in pool]
        for name in sorted(self._guided - found[0].keys()):
            guess = self._metrics[name].guess(pool)
            if guess is not None:
                for values, value in zip(found, guess[0], strict=True):
                    values[name] = max(0.0, float(value))
        for values, estimate in zip(found, estimates, strict=True):
            values[ACCURACY] = min(1.0, estimate.accuracy + OPTIMISM * estimate.spread)
        return found

    def _known(self, genome: Genome) -> Values:
        """What is exact before training, or foretold."""
        return {**self._foretold(genome), **self._features.costs(genome)}

    def _goals(self, values: Mapping[str, float]) -> Floats:
        """The objectives as costs, (1, goals); what is not known sets none apart."""
        signs = {name: -1.0 if name == ACCURACY else 1.0 for name in self.objectives}
        return np.array([[signs[name] * values.get(name, 0.0) for name in self.objectives]])

    def _unbeaten(
        self, pool: Sequence[Genome], scores: Sequence[float], rng: np.random.Generator
    ) -> int:
        """One of those that no other beats in its score and in every cost that counts."""
        rows = []
        for genome, score in zip(pool, scores, strict=True):
            costs = self._known(genome)
            rows.append([-score, *(costs[name] for name in sorted(self._guided & costs.keys()))])
        front = np.flatnonzero(ranks(np.array(rows), np.zeros(len(rows))) == 0)
        return int(rng.choice(front))


def _place(genome: Genome, places: int) -> int:
    """One of so many places, the same for a genome in every process."""
    digest = hashlib.blake2b(repr(genome.picks).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % places
