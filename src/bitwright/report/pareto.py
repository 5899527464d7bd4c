"""The Pareto set: the points that no other point beats in every metric at once."""

from collections.abc import Sequence
from typing import Literal

Direction = Literal["max", "min"]


def front(points: Sequence[Sequence[float]], directions: Sequence[Direction]) -> tuple[int, ...]:
    """The indices of the points that no other dominates, in rising order.

    A point dominates another if it is at least as good in every metric and better in one. Of equal
    points the first stands for all.

    >>> front([(0.9, 40), (0.8, 10), (0.8, 50)], ("max", "min"))
    (0, 1)
    """
    signs = [1.0 if direction == "max" else -1.0 for direction in directions]
    gains = [
        tuple(sign * value for sign, value in zip(signs, point, strict=True)) for point in points
    ]
    best: list[int] = []  # in falling order of gains, each can only be beaten by one before it
    for index in sorted(range(len(gains)), key=lambda index: gains[index], reverse=True):
        if not any(_at_least(gains[other], gains[index]) for other in best):
            best.append(index)
    return tuple(sorted(best))


def _at_least(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True))
