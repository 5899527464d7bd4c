"""Any controller, its proposals brought within the limits by fewer bits."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from bitwright.control.base import (
    Controller,
    Snapshot,
    Space,
    Standing,
    genome_from_json,
    picks_to_json,
)
from bitwright.control.features import Costs
from bitwright.control.operators import choices, fresh, is_policy
from bitwright.control.reward import Reward
from bitwright.errors import ConfigError
from bitwright.quant.spec import Method
from bitwright.records import Choice, Genome, Outcome, Pick


class Fitting(Standing):
    """Hands on what a controller proposes; of what breaks a limit, methods are narrowed first.

    Of all methods the one goes to its next fewer bits that brings the network nearest to its
    limits, again and again until it keeps them: so a large layer loses bits before a small one,
    and a wide network is met with the bits that it can afford. Of several methods with as many bits
    the next one is that of the same transform, where it is among them. What a step saves is counted
    once, though steps at other places may change it, as they do bit-operations. Only limits on
    costs that are exact before training count. What would break one under the fewest bits
    everywhere stays as it is.

    After the rule of HAQ (arXiv 1811.08886), which lowers bits layer by layer until a budget is
    kept; here the order follows from what each step saves.
    """

    def __init__(
        self, controller: Controller, space: Space, *, costs: Costs, reward: Reward
    ) -> None:
        super().__init__(controller)
        self._space = space
        self._costs = costs
        self._reward = reward
        self._seen: dict[Genome, None] = {}  # a set that keeps its order

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """Refuses: there is nothing to fit without a controller behind it."""
        raise ConfigError("fitting stands before another controller; ask for it by search.fit")

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """The controller's proposal, within the limits where fewer bits bring it there."""
        return fresh(lambda: self.fitted(self._controller.propose(number, rng)), self._seen)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """The controller learns them, fitted as they were evaluated."""
        self._controller.learn(outcomes)
        self._seen.update((outcome.genome, None) for outcome in outcomes)

    def snapshot(self) -> Snapshot:
        """The controller's state, and what was evaluated."""
        seen = [picks_to_json(genome) for genome in self._seen]
        return {"controller": self._controller.snapshot(), "seen": seen}

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        self._controller.restore(snapshot["controller"])
        self._seen = {genome_from_json(self._space, item): None for item in snapshot["seen"]}

    def fitted(self, genome: Genome) -> Genome:
        """The genome with fewer bits, within the limits; itself where no bits bring it there."""
        excess = self._excess(genome)
        if not excess:
            return genome
        narrower = self._narrower(genome)
        narrowest = {path: options[-1] for path, options in narrower.items() if options}
        if self._excess(_with(genome, narrowest)):
            return genome
        saved: dict[str, float] = {}  # by the next step at each place
        while excess:
            for path, options in narrower.items():
                if options and path not in saved:
                    saved[path] = excess - self._excess(_with(genome, {path: options[0]}))
            place = max(saved, key=lambda path: saved[path])
            genome = _with(genome, {place: narrower[place].pop(0)})
            del saved[place]
            excess = self._excess(genome)
        return genome

    def _excess(self, genome: Genome) -> float:
        """By how much the limits are broken, in parts of them, in sum."""
        broken = self._reward.violations(self._costs(genome), only_known=True)
        return sum(violation.excess for violation in broken)

    def _narrower(self, genome: Genome) -> dict[str, list[Pick]]:
        """At every place of a method, those it may go to one after the other, the widest first."""
        picks = genome.as_dict()
        return {
            choice.path: _steps(choice, picks[choice.path])
            for choice in choices(self._space, genome)
            if is_policy(choice.path)
        }


def _steps(choice: Choice, here: Pick) -> list[Pick]:
    """A method for each number of bits under those here: the most alike, else the first."""
    now = Method.parse(str(here))
    found: dict[int, tuple[tuple[bool, bool], Pick]] = {}
    for option in choice.options:
        method = Method.parse(str(option))
        alike = (method.transform == now.transform, method.per_channel == now.per_channel)
        if method.bits < now.bits and (method.bits not in found or alike > found[method.bits][0]):
            found[method.bits] = alike, option
    return [found[bits][1] for bits in sorted(found, reverse=True)]


def _with(genome: Genome, changed: Mapping[str, Pick]) -> Genome:
    """The genome with other picks at some places; no decision hangs under a method."""
    picks = tuple((path, changed.get(path, pick)) for path, pick in genome.picks)
    return Genome(genome.space_id, picks)
