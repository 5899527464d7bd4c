"""How well guesses order what was measured of the same candidates."""

import math
from collections.abc import Sequence

import numpy as np

from bitwright.control.reward import ACCURACY
from bitwright.records import Outcome


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b, -1 to 1: how much more pairs stand alike than not; None where all tie.

    >>> kendall_tau([1, 2, 3, 4], [1, 2, 4, 3])
    0.6666666666666666
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    alike = untied_first = untied_second = 0.0
    for at in range(len(a)):
        x, y = np.sign(a[:at] - a[at]), np.sign(b[:at] - b[at])
        alike += float(x @ y)
        untied_first += float(x @ x)
        untied_second += float(y @ y)
    ties = math.sqrt(untied_first * untied_second)
    return alike / ties if ties else None


def screen_tau(outcomes: Sequence[Outcome]) -> float | None:
    """Kendall's tau between estimated and measured accuracy; None where there were none."""
    pairs = [
        (outcome.estimate.accuracy, accuracy)
        for outcome in outcomes
        if outcome.estimate is not None and (accuracy := outcome.metric(ACCURACY)) is not None
    ]
    return kendall_tau(*zip(*pairs, strict=True)) if len(pairs) > 1 else None
