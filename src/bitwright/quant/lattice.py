"""The numbers of one fake quantization: a step, its range, and which multiples of it are levels."""

import enum
from typing import NamedTuple

from torch import Tensor


class Levels(enum.IntEnum):
    """Which multiples of the step are levels, and what the step learns from; as in kernels.c."""

    EVEN = 0  # every whole multiple
    ODD = 1  # every odd multiple, so that none is zero; a value on an even one goes up
    TABLE = 2  # what a table gives for the nearest whole multiple
    CLIPPED = 3  # every whole multiple; the step learns from the values outside the range alone


class Lattice(NamedTuple):
    """Where values go: clipped to low..high steps, rounded to whole steps, moved to a level.

    `step` has shape () or (C, 1), `low` and `high` the same or (). `table` is needed for
    `Levels.TABLE`: the level, in steps, of each whole multiple from low to high; float32 of shape
    (high - low + 1,), or (C, high - low + 1) where each row has levels of its own.
    """

    step: Tensor
    low: Tensor
    high: Tensor
    levels: Levels = Levels.EVEN
    table: Tensor | None = None
