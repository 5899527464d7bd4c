"""Fixed-point factors as the C kernels take them.

Shifts count from 33: the upper half of a 64-bit product is all that needs shifting then. Which
channels could meet a tie, and so need care, is known when the C is written.
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
CARE = 64  # more than its shift marks a convolution's channel that is not rescaled the plain way
PLAIN_SHIFT = 11  # weights are moved left until their sums are to be shifted by so many
LARGEST_LEFT = 22  # a centred code (< 2**9) moved so far stays inside int32
LARGEST_CODE, FIELD_BITS = 255, 8
INT16_MAX, UINT16_MAX, INT32_MAX = 2**15 - 1, 2**16 - 1, 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class CRescale:
    """Multipliers int32 and shifts int8 less 33, one or one a channel; levels (256,) or None.

    Shifts of a convolution's channels that need care are CARE more.
    """

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
    return _onto(output, multiplier, shift - BASE_SHIFT)


def conv_rescale_of(layer: Layer, worst: int) -> CRescale:
    """The same of a convolution whose sums lie within -worst..worst: which channels need care."""
    found, kernel = rescale_of(layer), layer.kernel
    zero = kernel.grid.zero_point.reshape(-1, *[1] * (kernel.codes.ndim - 1))
    weights = np.abs(kernel.codes.astype(np.int64) - zero).max()
    whole = kernel.grid.uneven or kernel.grid.bits == FIELD_BITS  # such codes are stored from -128
    span = LARGEST_CODE if whole else kernel.grid.high - kernel.grid.low
    room = min(INT16_MAX // max(int(weights), 1), UINT16_MAX // span, INT32_MAX // max(worst, 1))
    lift = PLAIN_SHIFT - found.shift.astype(np.int64)
    plain = (lift >= 0) & (np.exp2(lift) <= room) & (_first_tie(found) > worst)
    return dataclasses.replace(found, shift=(found.shift + CARE * ~plain).astype(np.int8))


def careful(rescale: CRescale) -> int:
    """How many of a convolution's channels need care."""
    return int((rescale.shift > CARE // 2).sum())


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
    rescale = _onto(grid_of(layer), np.zeros(1, np.int64), np.array([shift - BASE_SHIFT]))
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


def _first_tie(rescale: CRescale) -> npt.NDArray[np.float64]:
    """The smallest sum of each channel that lies halfway between two codes."""
    # There the powers of two in the sum and in the multiplier make up half a code's.
    multiplier = rescale.multiplier.astype(np.int64)
    power = np.log2(np.maximum(multiplier & -multiplier, 1).astype(np.float64))
    return np.asarray(np.exp2(np.maximum(rescale.shift + BASE_SHIFT - 1 - power, 0)))


def _onto(grid: Grid, multiplier: npt.NDArray[np.int64], shift: npt.NDArray[np.int64]) -> CRescale:
    levels = None
    if grid.low > 0 or grid.levels is not None:  # clipped by the table
        clipped = np.clip(np.arange(LARGEST_CODE + 1), grid.low, grid.high)
        levels = grid.on_level(clipped.reshape(1, -1), axis=0).reshape(-1).astype(np.uint8)
    return CRescale(
        multiplier.astype(np.int32),
        shift.astype(np.int8),
        int(grid.zero_point.flat[0]),
        LARGEST_CODE if levels is not None else grid.high,
        levels,
    )
