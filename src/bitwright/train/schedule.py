"""How the learning rate moves over a training, and when quantizers come in and norms freeze.

A warm-up, then a cosine to zero. A run that ends before the budget does, on a rung, follows the
same cosine and falls to zero over its last part, as networks at a high rate are not worth what they
will be (arXiv 2405.18392 cools down from a constant rate). What goes on takes up the run where that
fall began, so the fall costs a little time, and the whole training is the same, stages or not.
"""

import dataclasses
import math

from bitwright.config import TrainConfig

COOLDOWN = 0.2  # of a run that ends early: its end, in which the rate falls to zero
FREEZE_NORMS_AT = 0.85  # of a run: the rest runs on running statistics, as inference does


@dataclasses.dataclass(frozen=True, slots=True)
class Schedule:
    """Of a run that ends after `total` of the budget's `whole` steps; whether it is to go on."""

    total: int
    whole: int
    warmup: int
    goes_on: bool
    quantizes_at: int = 0  # the first step under the policy

    @classmethod
    def of(cls, config: TrainConfig, per_epoch: int, until: float = 1.0) -> "Schedule":
        """The part `until` of the budget, with so many steps in an epoch."""
        whole = steps_of(config, per_epoch)
        warmup = max(1, round(config.warmup * whole))
        total = max(1, round(until * whole))
        begins = min(int(config.full_precision * whole), total - 1)
        return cls(total, whole, warmup, until < 1, quantizes_at=begins)

    @property
    def cools_at(self) -> int:
        """The step from which a longer run goes on: from here on this one falls to its end."""
        return math.floor((1 - COOLDOWN) * self.total) if self.goes_on else self.total

    @property
    def freezes_at(self) -> int:
        """The step from which batch norm runs on its running statistics."""
        return int(FREEZE_NORMS_AT * self.total)

    def rate(self, done: int) -> float:
        """The part of the highest rate at which the step after `done` is taken."""
        if done < self.warmup:
            part = (done + 1) / self.warmup
        else:
            way = (done - self.warmup) / max(1, self.whole - self.warmup)
            part = 0.5 * (1 + math.cos(math.pi * way))
        cooled = (done - self.cools_at) / max(1, self.total - self.cools_at)
        return part * (1 - math.sqrt(max(0.0, cooled)))


def steps_of(config: TrainConfig, per_epoch: int) -> int:
    """The most steps that a training takes, of so many in an epoch."""
    steps = math.ceil(config.epochs * per_epoch)
    return max(1, min(steps, config.steps or steps))
