"""Which trials of a study are listed, and in which order: the filters of `bitwright show`."""

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, get_args

from bitwright.control.settings import nearest
from bitwright.errors import ConfigError
from bitwright.metrics import METRICS
from bitwright.records import Outcome, State
from bitwright.study.view import StudyView

FIELDS = ("trial", "iteration", "reward", "epochs", "fidelity")  # measured or not
HIGHER_IS_BETTER = frozenset({"accuracy", "reward"})
LISTED = 10  # trials, where no filter says which

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*([A-Za-z_]\w*(?:@[^\s<>=!]+)?)\s*(<=|>=|==|!=|<|>|=)\s*(\S+)\s*")


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A comparison that a listed trial meets, such as `packed_bytes<8000`."""

    name: str
    symbol: str
    number: float

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """The condition as a user writes it; ConfigError where it is none."""
        match = _CONDITION.fullmatch(text)
        try:
            if match:
                return cls(match[1], match[2], float(match[3]))
        except ValueError:
            pass
        raise ConfigError(
            f"--where '{text}': write NAME<NUMBER, for example 'packed_bytes<8000'; "
            f"comparisons: {' '.join(_TESTS)}"
        )

    def holds(self, outcome: Outcome) -> bool:
        """Whether the trial meets it; one that was not measured does not."""
        found = value(outcome, self.name)
        return found is not None and _TESTS[self.symbol](found, self.number)


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """The trials in one of `states` (any, if empty) that meet all conditions; at most `last`.

    `last` counts from the latest trial back or, where `sort` names a metric, from the best on.
    """

    states: tuple[State, ...] = ()
    where: tuple[Condition, ...] = ()
    pareto: bool = False
    sort: str | None = None
    last: int | None = None

    @property
    def narrows(self) -> bool:
        """Whether it asks for anything but the latest trials."""
        return bool(self.states or self.where or self.pareto or self.sort)

    def of(self, view: StudyView) -> tuple[Outcome, ...]:
        """The study's trials that are selected; ConfigError for a name that none of them has."""
        _check_names(view, [condition.name for condition in self.where], "--where")
        _check_names(view, [self.sort] if self.sort else [], "--sort")
        front = {entry.trial for entry in view.pareto}
        chosen = [
            outcome
            for outcome in view.outcomes
            if (not self.states or outcome.state in self.states)
            and (not self.pareto or outcome.number in front)
            and all(condition.holds(outcome) for condition in self.where)
        ]
        if self.sort is None:
            return tuple(chosen[-self.last :] if self.last else chosen)
        ranked = _ranked(chosen, self.sort)
        return tuple(ranked[: self.last] if self.last else ranked)

    def names(self) -> tuple[str, ...]:
        """Every metric or field that the selection speaks of."""
        spoken = [condition.name for condition in self.where]
        return tuple(dict.fromkeys([*([self.sort] if self.sort else []), *spoken]))


def states(names: Iterable[str]) -> tuple[State, ...]:
    """The names as states of trials; ConfigError with the nearest one."""
    known: dict[str, State] = {state: state for state in get_args(State)}
    for name in names:
        if name not in known:
            raise ConfigError(f"--state '{name}': there is no such state; {nearest(name, known)}")
    return tuple(known[name] for name in names)


def value(outcome: Outcome, name: str) -> float | None:
    """The trial's field or metric of that name; None where it was not measured."""
    if name == "trial":
        return outcome.number
    if name in FIELDS:
        found: float | None = getattr(outcome, name)
        return found
    return outcome.metric(name)


def _check_names(view: StudyView, names: Iterable[str], option: str) -> None:
    measured = dict.fromkeys(name for outcome in view.outcomes for name, _ in outcome.metrics)
    known = dict.fromkeys([*FIELDS, *METRICS, *measured])
    for name in names:
        if name not in known:
            raise ConfigError(f"{option}: unknown metric '{name}'; {nearest(name, known)}")


def _ranked(outcomes: list[Outcome], name: str) -> list[Outcome]:
    """The best first; trials that were not measured at the end."""
    sign = -1 if name in HIGHER_IS_BETTER else 1

    def rank(outcome: Outcome) -> tuple[bool, float, int]:
        found = value(outcome, name)
        return found is None, sign * (found or 0.0), outcome.number

    return sorted(outcomes, key=rank)
