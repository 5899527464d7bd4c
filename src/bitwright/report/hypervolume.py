"""How much a set of points dominates: the area between them and a reference point."""

from collections.abc import Sequence

Point = tuple[float, float]


def hypervolume(points: Sequence[Point], *, reference: Point, ideal: Point) -> float | None:
    """The part, 0 to 1, of the box from `reference` to `ideal` that the points dominate.

    Which way is better in each of the two metrics follows from the box. None where the box has no
    area: then nothing can be told apart.

    >>> hypervolume([(0.875, 5), (1.0, 10)], reference=(0.5, 20), ideal=(1.0, 0))
    0.6875
    """
    if reference[0] == ideal[0] or reference[1] == ideal[1]:
        return None
    gains = sorted((_gain(point, reference, ideal) for point in points), reverse=True)
    area = reached = 0.0
    for first, second in gains:  # from the best in the first metric on
        area += first * max(0.0, second - reached)
        reached = max(reached, second)
    return area


def _gain(point: Point, reference: Point, ideal: Point) -> Point:
    """The point as two steps from the reference towards the ideal, each 0 to 1."""
    first, second = (
        min(1.0, max(0.0, (value - worst) / (best - worst)))
        for value, worst, best in zip(point, reference, ideal, strict=True)
    )
    return first, second
