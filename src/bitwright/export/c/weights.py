"""A layer's weights as the C kernels read them: fields at their bits, and what fields stand for.

A field f of row r stands for ``f * gap + offset[r]``, or ``table[f] + offset[r]``. Offsets hold the
grid's lowest code and its zero point, so that fields are small unsigned numbers.
"""

import dataclasses
from typing import Literal

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Kernel
from bitwright.export.packing import pack_fields, to_fields

Form = Literal["w8", "w7", "w6", "w5", "w4", "w3", "w2", "w1", "table"]
WORD_BITS = 32
INT8_MIN = -128
GROUP = 8  # fields of a width that fills no word: they fill as many bytes as one has bits
LARGEST_GAP = 128  # its levels fit 8 bits
FORMS: tuple[Form, ...] = ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8")  # by bits, from 1


@dataclasses.dataclass(frozen=True, slots=True)
class StoredWeights:
    """Packed rows: `data`, fields of `bits`; `offsets` int16 (rows,); `table` int8 or None.

    A table is (levels,), or (rows, levels) where each row has its own. `form` names what decodes
    a row. Whole groups of every row come first; from byte `rest` on, what is left of all rows.
    """

    form: Form
    data: bytes
    rest: int
    bits: int
    gap: int
    offsets: npt.NDArray[np.int16]
    table: npt.NDArray[np.int8] | None = None

    @property
    def table_step(self) -> int:
        """How far one row's table lies from the next."""
        return self.table.shape[1] if self.table is not None and self.table.ndim > 1 else 0


def store(kernel: Kernel, *, order: tuple[int, ...]) -> StoredWeights:
    """The weights with each row in the axes' `order`."""
    fields, bits, gap, lowest, table = _fields(kernel)
    rows = fields.transpose(order).reshape(len(fields), -1)
    zero = np.broadcast_to(kernel.grid.zero_point, (len(rows),))
    offsets = (lowest - zero).astype(np.int16)
    form = FORMS[bits - 1] if table is None else "table"
    grouped = 0 if form == "table" else rows.shape[1] // group(bits) * group(bits)
    groups = pack_fields(_shuffled(rows[:, :grouped], bits), bits)
    rest = pack_fields(rows[:, grouped:].reshape(-1), bits)
    return StoredWeights(form, groups + rest, len(groups), bits, gap, offsets, table)


def group(bits: int) -> int:
    """How many fields make a group: as many as fill a word, or `bits` bytes."""
    return GROUP if WORD_BITS % bits else WORD_BITS // bits


def _fields(
    kernel: Kernel,
) -> tuple[npt.NDArray[np.uint8], int, int, int, npt.NDArray[np.int8] | None]:
    """Fields in the codes' shape, their bits, gap and lowest value, and the table if one pays."""
    grid, codes = kernel.grid, kernel.codes
    fields = to_fields(codes, grid)  # also proves that every code is a level of the grid
    uneven = grid.levels is not None and grid.uneven
    if grid.bits < 8 and uneven:
        assert grid.levels is not None  # uneven grids have levels
        if -(-codes.size * grid.bits // 8) + grid.levels.size < codes.size:
            return fields, grid.bits, 1, 0, grid.levels.astype(np.int8)
    if grid.bits == 8 or uneven:
        return (codes.astype(np.int16) - INT8_MIN).astype(np.uint8), 8, 1, INT8_MIN, None
    if grid.levels is not None and grid.gap > LARGEST_GAP:
        return fields, grid.bits, 1, 0, grid.levels.astype(np.int8)
    lowest = grid.low if grid.levels is None else int(grid.levels[0])
    return fields, grid.bits, grid.gap, lowest, None


def _shuffled(rows: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """Rows of whole groups as one stream, words in the order of their multiplications."""
    if WORD_BITS % bits:
        return rows.reshape(-1)
    return rows.reshape(-1, WORD_BITS // bits)[:, word_order(bits)].reshape(-1)


def word_order(bits: int) -> npt.NDArray[np.int64]:
    """Which of a word's weights each of its fields is.

    Kernels multiply fields q and q + count / 2 at a time, with inputs that lie in groups of four in
    the order 0, 2, 1, 3.

    >>> word_order(4).tolist()
    [0, 1, 4, 5, 2, 3, 6, 7]
    """
    pairs = np.arange(WORD_BITS // bits // 2)
    first = pairs // 2 * 4 + pairs % 2
    return np.concatenate([first, first + 2])
