"""Which of several candidates are better when there are several goals (NSGA-II, Deb et al. 2002).

Goals are *costs*: lower is better in every column. A candidate that broke a limit carries a
violation above 0 and loses against every one that broke none (constraint-domination).
"""

from typing import cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def dominates(costs: Floats, violations: Floats) -> npt.NDArray[np.bool_]:
    """Whether row i dominates row j, as a matrix (N, N).

    Of two that broke no limit, one dominates if it is nowhere worse and somewhere better. Of two
    that did, the smaller violation dominates; their costs do not count. `costs` is (N, goals),
    `violations` (N,).
    """
    better = (costs[:, None] <= costs).all(2) & (costs[:, None] < costs).any(2)
    feasible = violations <= 0
    both = feasible[:, None] & feasible
    less = np.maximum(violations, 0)[:, None] < np.maximum(violations, 0)
    return cast("npt.NDArray[np.bool_]", np.where(both, better, less))


def ranks(costs: Floats, violations: Floats) -> Ints:
    """The front that each row belongs to: 0 is dominated by none, 1 only by rows of 0, and so on.

    >>> ranks(np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0]]), np.zeros(3))
    array([0, 0, 1])
    """
    beats = dominates(costs, violations)
    found = np.full(len(costs), -1, np.int64)
    rank = 0
    while (open_rows := found < 0).any():
        front = open_rows & ~(beats & open_rows[:, None]).any(0)
        found[front] = rank
        rank += 1
    return found


def crowding(costs: Floats) -> Floats:
    """How far each row of one front lies from its neighbours; infinite at the ends.

    The sum over the goals of the distance between the two neighbours, as a part of the front's
    span. A goal in which all rows are equal sets none of them apart.
    """
    distance = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        span = ordered[-1] - ordered[0]
        if span > 0:
            distance[order[1:-1]] += (ordered[2:] - ordered[:-2]) / span
            distance[order[[0, -1]]] = np.inf
    return distance


def order(costs: Floats, violations: Floats) -> Ints:
    """All rows from the best on: by front, then the less crowded first, then as they came."""
    front = ranks(costs, violations)
    loneliness = np.zeros(len(costs))
    for rank in range(int(front.max(initial=-1)) + 1):
        members = front == rank
        loneliness[members] = crowding(costs[members])
    return np.lexsort((np.arange(len(costs)), -loneliness, front))
