"""When a study ends and which network it hands over (M1.4, M1.5)."""

from collections.abc import Iterable, Sequence
from typing import Literal

from bitwright.errors import InfeasibleError
from bitwright.records import Outcome

Rule = Literal["best", "last"]


def iteration_reward(outcomes: Iterable[Outcome]) -> float:
    """The reward of one iteration: its best candidate's.

    The best and not the mean, so that one broken candidate of a batch does not drown what the
    others found.
    """
    return max(outcome.reward for outcome in outcomes)


def iteration_rewards(outcomes: Iterable[Outcome]) -> tuple[float, ...]:
    """The reward of every iteration, in order; the outcomes may come in any order."""
    groups: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.iteration, []).append(outcome)
    return tuple(iteration_reward(groups[number]) for number in sorted(groups))


def relative_change(rewards: Sequence[float]) -> float:
    """The distance from the lowest to the highest reward, relative to the largest magnitude.

    >>> relative_change([0.9, 1.0, 0.95])
    0.09999999999999998
    >>> relative_change([0.0, 0.0])
    0.0
    """
    largest = max(abs(reward) for reward in rewards)
    return (max(rewards) - min(rewards)) / largest if largest else 0.0


def converged(rewards: Sequence[float], *, window: int, threshold: float) -> bool:
    """Whether the rewards of the last `window` iterations changed by no more than `threshold`.

    The whole window is compared, not only neighbours: slow drift is change too. The preset reward
    of the start was measured on nothing and does not belong into `rewards`.
    """
    return len(rewards) >= window and relative_change(rewards[-window:]) <= threshold


def stopped_by(
    rewards: Sequence[float],
    *,
    iterations: int,
    learned: int | None = None,
    window: int | None = None,
    threshold: float = 0.0,
) -> Literal["converged", "iterations"] | None:
    """What ends the study after these iterations, or None to go on; convergence is named first.

    Without a `window` only the iteration limit counts. Some of the `learned` iterations may have no
    reward, where none of their candidates was trained to the end.
    """
    if window is not None and converged(rewards, window=window, threshold=threshold):
        return "converged"
    done = len(rewards) if learned is None else learned
    return "iterations" if done >= iterations else None


def comparable(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The complete ones of the highest fidelity that any of them has, in the order given.

    Where candidates are trained in stages, what had less of the budget stands in no contest with
    what had more.
    """
    complete = [outcome for outcome in outcomes if outcome.state == "complete"]
    highest = max((outcome.fidelity for outcome in complete), default=1.0)
    return [outcome for outcome in complete if outcome.fidelity == highest]


def winner(outcomes: Sequence[Outcome], rule: Rule = "best") -> Outcome:
    """The outcome whose network is the study's result; the earliest one among equals.

    `best` takes the highest reward of all; `last` the highest of the newest iteration that holds a
    complete candidate. Only those that were trained the longest count. InfeasibleError where no
    candidate is complete.
    """
    complete = comparable(outcomes)
    if not complete:
        raise InfeasibleError(_none_complete(outcomes))
    if rule == "last":
        newest = max(outcome.iteration for outcome in complete)
        complete = [outcome for outcome in complete if outcome.iteration == newest]
    return min(complete, key=lambda outcome: (-outcome.reward, outcome.number))


def _none_complete(outcomes: Sequence[Outcome]) -> str:
    told = f"none of {len(outcomes)} candidates is complete, so there is no network to hand over"
    if outcomes:
        nearest = max(outcomes, key=lambda outcome: outcome.reward)
        told += f" (of trial {nearest.number}: {nearest.reason})"
    return f"{told}; loosen the limits, widen the space or train at a lower rate"
