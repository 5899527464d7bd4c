"""Fixed-point factors as the C kernels take them.

Shifts count from 33: the upper half of a 64-bit product is all that needs shifting then.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export.integer import Grid, Layer, Rescale

BASE_SHIFT = 33  # the kernels' shift 0: half steps in the upper word
SMALLEST_SHIFT = 3  # below it any sum but 0 saturates, and so it does at this shift
LARGEST_SHIFT = 62
FULL_MULTIPLIER = 2**30  # at least so large where the shift allows: then what saturates is known
LARGEST_LEFT = 22  # a centred code (< 2**9) moved so far stays inside int32
LARGEST_CODE = 255


@dataclasses.dataclass(frozen=True, slots=True)
class CRescale:
    """Multipliers int32 and shifts int8 less 33, one or one a channel; levels (256,) or None."""

    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int8]
    zero_point: int
    high: int
    levels: npt.NDArray[np.uint8] | None


@dataclasses.dataclass(frozen=True, slots=True)
class CSum:
    """The two operands of an addition: multiplier and left shift of each; the common shift."""

    multipliers: tuple[int, int]
    lefts: tuple[int, int]
    rescale: CRescale


def rescale_of(layer: Layer) -> CRescale:
    """The rescale of a layer with one operand."""
    (rescale,), output = layer.rescales, grid_of(layer)
    multiplier, shift = _normalised(rescale)
    if multiplier.size > 1 and (multiplier == multiplier.flat[0]).all() and np.ptp(shift) == 0:
        multiplier, shift = multiplier[:1], shift[:1]
    return _onto(output, multiplier, shift)


def sum_of(layer: Layer) -> CSum:
    """The rescales of an addition; ExportError where one is too coarse for 32 bits."""
    multipliers = [int(rescale.multiplier.flat[0]) for rescale in layer.rescales]
    shifts = [int(rescale.shift.flat[0]) for rescale in layer.rescales]
    shift = max(*shifts, BASE_SHIFT)
    lefts = [shift - own for own in shifts]
    if max(lefts) > LARGEST_LEFT or any(rescale.multiplier.size > 1 for rescale in layer.rescales):
        raise ExportError(
            f"layer '{layer.node.name}': its operands are rescaled by shifts {shifts} and "
            f"{sum(rescale.multiplier.size for rescale in layer.rescales)} multipliers; the C "
            f"kernel takes one an operand and shifts from {BASE_SHIFT - LARGEST_LEFT}: its scale "
            "is far below its operands', or it has one for each channel"
        )
    rescale = _onto(grid_of(layer), np.zeros(1, np.int64), np.array([shift]))
    return CSum((multipliers[0], multipliers[1]), (lefts[0], lefts[1]), rescale)


def grid_of(layer: Layer) -> Grid:
    """The grid of a layer's output as the kernels can hold it; ExportError otherwise."""
    grid = layer.output
    if grid is None:
        raise ExportError(
            f"layer '{layer.node.name}' ({layer.node.op}) has no output grid; only a linear layer "
            "at the end may give raw logits"
        )
    if grid.zero_point.size > 1 or grid.scale.size > 1:
        raise ExportError(
            f"layer '{layer.node.name}': its output has a scale or zero point for each channel; "
            "the C kernels take one a tensor"
        )
    if not (0 <= int(grid.zero_point.flat[0]) <= LARGEST_CODE and 0 <= grid.low <= grid.high):
        raise ExportError(
            f"layer '{layer.node.name}': zero point {int(grid.zero_point.flat[0])} and codes from "
            f"{grid.low} to {grid.high} are not unsigned codes of 8 bits"
        )
    return grid


def _normalised(rescale: Rescale) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Equal factors with the largest multipliers below 2**31 that the shifts allow."""
    multiplier = np.atleast_1d(rescale.multiplier).astype(np.int64)
    shift = np.atleast_1d(rescale.shift).astype(np.int64)
    for _ in range(31):
        small = (multiplier < FULL_MULTIPLIER) & (shift < LARGEST_SHIFT) & (multiplier > 0)
        multiplier, shift = np.where(small, 2 * multiplier, multiplier), shift + small
    return multiplier, np.maximum(shift, SMALLEST_SHIFT)


def _onto(grid: Grid, multiplier: npt.NDArray[np.int64], shift: npt.NDArray[np.int64]) -> CRescale:
    levels = None
    if grid.low > 0 or grid.levels is not None:  # clipped by the table
        clipped = np.clip(np.arange(LARGEST_CODE + 1), grid.low, grid.high)
        levels = grid.on_level(clipped.reshape(1, -1), axis=0).reshape(-1).astype(np.uint8)
    return CRescale(
        multiplier.astype(np.int32),
        (shift - BASE_SHIFT).astype(np.int8),
        int(grid.zero_point.flat[0]),
        LARGEST_CODE if levels is not None else grid.high,
        levels,
    )
