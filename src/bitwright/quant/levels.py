"""Uneven levels as whole numbers, so that codes of 8 bits hold them exactly.

A set of levels is stretched by a whole factor to fill the codes there are: the finer the codes, the
nearer a value that is first rounded to a code lies to the level that is nearest in truth.
"""

import itertools

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Whole = npt.NDArray[np.integer]


def additive(bits: int, places: int) -> tuple[int, ...]:
    """The 2**bits sums of powers of two that APoT has (arXiv 1909.13144), from 0 upward.

    A sum has terms of two bits, each 0 or one of three powers of two, and terms of one bit, 0 or
    one power. A two-bit term takes three binary places, so there are as many as the `places` allow.

    >>> additive(3, 7)
    (0, 1, 2, 3, 4, 6, 8, 10)
    """
    double = min(bits // 2, places - bits)
    single = bits - 2 * double
    rest = itertools.count(2 * double)
    singles = [(next(rest),) for _ in range(single)]
    doubles = [(at, double + at, next(rest)) for at in range(double)]
    last = 3 * double + single - 1
    terms = [[0, *(2 ** (last - place) for place in term)] for term in doubles + singles]
    return tuple(sorted(map(sum, itertools.product(*terms))))


def geometric(bits: int, top: int) -> tuple[int, ...]:
    """2**bits levels from 0 upward, each above zero a constant factor apart (arXiv 1603.01025).

    The factor is 2 up to 3 bits, then the root of two with which the levels span 8 octaves. Where
    that asks for levels nearer than whole numbers, neighbouring whole numbers take their place.

    >>> geometric(3, 255)
    (0, 1, 2, 4, 8, 16, 32, 64)
    >>> geometric(4, 255)
    (0, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 180, 255)
    """
    count = 2**bits - 1
    if count <= 7:
        return (0, *(2**power for power in range(count)))
    levels = [0]
    for below_top in range(count - 1, -1, -1):
        exact = top / 2 ** (8 * below_top / (count + 1))
        levels.append(max(levels[-1] + 1, round(exact)))
    return tuple(levels)


def stretched(magnitudes: tuple[int, ...], top: int) -> tuple[int, ...]:
    """The levels times the largest whole number that keeps them at or under `top`.

    Evenly spaced ones become neighbouring whole numbers instead: every code is a level then.
    """
    if len(set(np.diff(magnitudes))) == 1:
        return tuple(range(len(magnitudes)))
    factor = top // magnitudes[-1]
    return tuple(factor * level for level in magnitudes)


def mirrored(magnitudes: tuple[int, ...]) -> tuple[int, ...]:
    """The levels and their negatives.

    >>> mirrored((0, 1, 3))
    (-3, -1, 0, 1, 3)
    """
    return (*(-level for level in magnitudes[:0:-1]), *magnitudes)


def evenly_spaced(levels: Whole | tuple[int, ...]) -> bool:
    """Whether all neighbours lie equally far apart; levels of a row each never do."""
    return np.ndim(levels) == 1 and len(set(np.diff(levels))) <= 1


def nearest(levels: Whole, low: int, high: int, zero_point: int) -> Ints:
    """The level nearest to each code from low to high: shape (codes,), or (C, codes).

    `levels` is sorted: (K,), or (C, K) for rows with levels of their own. Between two equally near
    the one nearer to the zero point is taken, between -a and +a the positive one.
    """
    if levels.ndim > 1:
        return np.stack([nearest(row, low, high, zero_point) for row in levels])
    sums = levels[1:].astype(np.int64) + levels[:-1]
    beyond = np.where(sums <= 2 * zero_point, sums - 1, sums)  # where a tie goes up
    at = np.searchsorted(beyond, 2 * np.arange(low, high + 1))
    return levels[at].astype(np.int64)
