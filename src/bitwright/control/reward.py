"""The reward: metrics normalised, weighted, summed and transformed (M6.2); and hard limits."""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from bitwright.control.settings import nearest
from bitwright.errors import ConfigError, MeasurementError
from bitwright.metrics import METRICS
from bitwright.registry import FUNCTION, Registry

ACCURACY = "accuracy"  # the one metric that is better when it is higher
FAILED = -1.0  # the reward of a candidate that diverged, crashed or broke its limits beyond measure


class Weighted(Protocol):
    """A metric's place in the reward; both numbers are above 0."""

    @property
    def weight(self) -> float:
        """How much the normalised metric counts."""
        ...

    @property
    def reference(self) -> float:
        """The value that is normal: a metric is divided by it."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """A metric's weight and its reference value."""

    weight: float = 1.0
    reference: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """A hard limit that a candidate broke: at most `limit`, or at least, for accuracy."""

    metric: str
    value: float
    limit: float

    @property
    def excess(self) -> float:
        """How far beyond the limit, as a fraction of it."""
        beyond = self.limit - self.value if self.metric == ACCURACY else self.value - self.limit
        return beyond / self.limit

    def __str__(self) -> str:
        side = "under" if self.metric == ACCURACY else "over"
        return f"{self.metric} {self.value:.6g} is {side} the limit {self.limit:.6g}"


class Reward:
    """What the study strives for: it rises with accuracy and falls with every other metric.

    `transform` names a function in `REWARDS`, or one's own as "module:function"; `known` the
    metrics that there are.
    """

    def __init__(
        self,
        transform: str,
        metrics: Mapping[str, Weighted],
        limits: Mapping[str, float],
        known: Collection[str] = METRICS,
    ) -> None:
        self._transform = REWARDS.get(transform)
        if ACCURACY not in metrics:
            raise ConfigError(
                "[reward.metrics] has no 'accuracy'; without it nothing asks for learning"
            )
        for name, term in metrics.items():
            _check_number(f"reward.metrics.{name}", "weight", term.weight)
            _check_number(f"reward.metrics.{name}", "reference", term.reference)
        for name, limit in limits.items():
            _check_number("limits", name, limit)
        for name in (*metrics, *limits):
            if name not in known:
                raise ConfigError(f"unknown metric '{name}'; {nearest(name, known)}")
        self.transform = transform
        self._metrics = {name: Term(term.weight, term.reference) for name, term in metrics.items()}
        self._limits = dict(limits)
        self._try()

    def _try(self) -> None:
        """Refuses, before a study begins, a function of one's own that cannot score anything."""
        usual = self.usual
        try:
            self.score(usual)
        except Exception as error:
            raise ConfigError(
                f"reward transform '{self.transform}' cannot score {usual}: "
                f"{type(error).__name__}: {error}; it is given the values and the terms by metric"
            ) from error

    @property
    def needs(self) -> frozenset[str]:
        """The metrics that must be measured, for the score or for a limit."""
        return frozenset(self._metrics) | frozenset(self._limits)

    @property
    def limited(self) -> frozenset[str]:
        """The metrics that have a limit."""
        return frozenset(self._limits)

    @property
    def usual(self) -> dict[str, float]:
        """What is normal: the reference of each metric that the score reads."""
        return {name: term.reference for name, term in self._metrics.items()}

    def score(self, measured: Mapping[str, float]) -> float:
        """The reward of these measurements; MeasurementError where one is missing or no number."""
        values = {name: _value(measured, name) for name in self._metrics}
        return _number(self.transform, self._transform(values, self._metrics))

    def violations(
        self, measured: Mapping[str, float], *, only_known: bool = False
    ) -> tuple[Violation, ...]:
        """The hard limits that these measurements break.

        With `only_known`, limits on metrics that are not measured yet are left for later.
        """
        limits = self._limits.items()
        if only_known:
            limits = {name: at for name, at in limits if name in measured}.items()
        found = (Violation(name, _value(measured, name), at) for name, at in limits)
        return tuple(violation for violation in found if violation.excess > 0)

    @staticmethod
    def penalty(violations: tuple[Violation, ...]) -> float:
        """An infeasible candidate's reward: minus the summed excesses, -1 at the least."""
        return max(FAILED, -sum(violation.excess for violation in violations))


def _number(name: str, score: object) -> float:
    """A transform's result as a float, where it is a finite number."""
    if not (isinstance(score, int | float) and math.isfinite(score)):
        raise MeasurementError(
            f"reward transform '{name}' gave {score!r}; a reward is a finite number"
        )
    return float(score)


def _check_number(place: str, name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"[{place}] {name} = {value}: give a number above 0")


def _value(measured: Mapping[str, float], name: str) -> float:
    if name not in measured:
        raise MeasurementError(
            f"the reward needs '{name}', which was not measured (there are: "
            f"{', '.join(sorted(measured)) or 'none'}); measure it or take it out of the reward"
        )
    value = measured[name]
    if not math.isfinite(value) or value < 0:
        raise MeasurementError(
            f"'{name}' was measured as {value}; a metric is a number of 0 or more"
        )
    return value


def linear(values: Mapping[str, float], terms: Mapping[str, Term]) -> float:
    """The sum of weight * ratio, ratio = metric / reference, costs counted negative."""
    return sum(
        _sign(name) * term.weight * values[name] / term.reference for name, term in terms.items()
    )


def exponential(values: Mapping[str, float], terms: Mapping[str, Term]) -> float:
    """The product of ratio ** weight, costs with negative exponents.

    The weighted sum is taken of the ratios' logarithms (MnasNet's, arXiv 1807.11626).
    """
    if values[ACCURACY] == 0:
        return 0.0
    total = 0.0
    for name, term in terms.items():
        if values[name] == 0:
            raise MeasurementError(
                f"'{name}' was measured as 0, of which the exponential reward has no logarithm; "
                "use the linear or hinge reward"
            )
        total += _sign(name) * term.weight * math.log(values[name] / term.reference)
    return math.exp(total)


def hinge(values: Mapping[str, float], terms: Mapping[str, Term]) -> float:
    """Accuracy's weight * ratio, less weight * (ratio - 1) of each cost above its reference."""
    total = 0.0
    for name, term in terms.items():
        ratio = values[name] / term.reference
        total += term.weight * (ratio if name == ACCURACY else -max(0.0, ratio - 1))
    return total


def _sign(name: str) -> int:
    return 1 if name == ACCURACY else -1


Transform = Callable[[Mapping[str, float], Mapping[str, Term]], float]

REWARDS: Registry[Transform] = Registry(
    "reward transform", group="bitwright.rewards", form=FUNCTION
)
REWARDS.register("linear", linear)
REWARDS.register("exponential", exponential)
REWARDS.register("hinge", hinge)
