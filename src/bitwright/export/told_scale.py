"""The scale that a kernel of float32 is told for an output, so that it rounds as the integers do.

Such a kernel computes in 24 bits what the integer model computes in 31 (`export.integer`), and may
round another way where a result lies all but on a half. Learned steps hardly ever put one there;
fixed ranges do, such as DoReFa's (arXiv 1606.06160): the mean of 30 codes on the scale of one is a
half for one sum in fifteen. A layer without weights has few results, so all of them are looked at,
and numbers slightly off are told by which none can round another way.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Grid, Layer
from bitwright.export.reference import rescaled

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

UNIT = 2.0**-23  # about one in the last place of float32
ONE = np.float32(1)
STEPS = (0, *(sign * 2**at for at in range(10) for sign in (1, -1)))  # units that are tried
NOISE = 6 * 2.0**-24  # of what is added: as far as six roundings to float32 may move a result
DOUBTFUL = 0.001  # of a sum's results: with fewer in doubt, its second operand is left as it is


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """The output's scale, and what the second operand of a sum is multiplied by."""

    scale: np.float32
    second: np.float32 = ONE


def told_scale(
    layer: Layer,
    inputs: Sequence[Grid],
    told: Sequence[np.float32],
    *,
    window: int,
    noise: float = 0,
) -> Told:
    """What lies near the output's own scale and leaves the fewest results in doubt.

    For a sum, a product or an average over `window` codes. `told` are the scales of the inputs,
    `noise` the steps of the output by which the kernel errs however small the result is.
    """
    grid = layer.output
    assert grid is not None  # these layers always have one
    values, terms = _results(layer.node.op, inputs, [float(scale) for scale in told], window)
    wanted = rescaled(values, layer.rescales)
    scale, codes = float(grid.scale), wanted + int(grid.zero_point)
    if len(terms) == 1:  # what the inputs' scales are off, the output's is too
        scale *= float(np.prod([a / float(b.scale) for a, b in zip(told, inputs, strict=True)]))
    sizes = np.abs(terms).sum(0) / scale
    errors = noise + NOISE * sizes
    inside = (codes >= grid.low - 1) & (codes <= grid.high + 1)
    reach = errors + len(terms) * max(STEPS) * UNIT * sizes
    near = inside & (_to_half(terms.sum(0) / scale) <= reach)
    terms, errors, wanted = terms[:, near], errors[near], wanted[near]

    def doubts(tried: Told) -> int:
        factors = (1, float(tried.second))[: len(terms)]
        results = np.dot(factors, terms) / float(tried.scale)
        gap = _to_half(results)
        # One exactly on a half is taken to be so in float32 too, which rounds ties to even as
        # integers do. Of a sum that holds for scales of few binary digits, as powers of two; of
        # others no scale told would bring their ties back.
        return int(((np.rint(results) != wanted) | ((gap > 0) & (gap <= errors))).sum())

    best = min((Told(_off(scale, step)) for step in STEPS), key=doubts)
    if len(terms) == 1 or doubts(best) <= DOUBTFUL * int(inside.sum()):
        return best
    return min((best, *_with_second(scale)), key=doubts)


def _with_second(scale: float) -> Iterator[Told]:
    """All pairs, the nearest first."""
    pairs = sorted(itertools.product(STEPS, STEPS), key=lambda pair: abs(pair[0]) + abs(pair[1]))
    return (Told(_off(scale, first), _off(1, second)) for first, second in pairs)


def _off(number: float, units: int) -> np.float32:
    return np.float32(number * (1 + units * UNIT))


def _results(
    op: str, inputs: Sequence[Grid], told: Sequence[float], window: int
) -> tuple[list[Ints], Reals]:
    """All that a layer can compute: exact integers by operand, and the reals that are added."""
    codes = [
        np.arange(grid.low, grid.high + 1, dtype=np.int64) - int(grid.zero_point) for grid in inputs
    ]
    if op == "add":
        values = [each.ravel() for each in np.meshgrid(*codes)]
        return values, np.stack([each * scale for each, scale in zip(values, told, strict=True)])
    if op == "multiply":
        products = np.unique(np.multiply.outer(*codes))
        return [products], products[None] * told[0] * told[1]
    sums = np.arange(window * codes[0][0], window * codes[0][-1] + 1, dtype=np.int64)
    return [sums], sums[None] * told[0] / window


def _to_half(results: Reals) -> Reals:
    """How far numbers lie from the half between their neighbours."""
    return np.asarray(np.abs(results - np.floor(results) - 0.5))
