"""A layer's weights as the C kernels read them: fields at their bits, and what fields stand for.

A field f of row r stands for ``f * gap + offset[r]``, or ``table[f] + offset[r]``. Fields of 8 bits
are the signed codes themselves. Offsets hold the grid's lowest code and its zero point, so that the
kernels multiply small unsigned fields only.
"""

import dataclasses
from typing import Literal

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Kernel
from bitwright.export.packing import pack_fields, to_fields

Form = Literal["w8", "w4", "w2", "w1", "decoded"]
WORD_BITS = 32
LARGEST_GAP = 128  # times a code of 8 bits it fits 16 bits, as the kernels' inputs must
OVERREAD = 4  # bytes that a kernel may read, and ignores, behind a last incomplete word
FORMS: dict[int, Form] = {8: "w8", 4: "w4", 2: "w2", 1: "w1"}


@dataclasses.dataclass(frozen=True, slots=True)
class StoredWeights:
    """Packed rows: `data`, fields of `bits`; `offsets` int16 (rows,); `table` int8 or None.

    A table is (levels,), or (rows, levels) where each row has its own. `form` names the kernel:
    those of 8, 4, 2 and 1 bits multiply words of fields, "decoded" takes any stream of fields.
    """

    form: Form
    data: bytes
    bits: int
    gap: int
    offsets: npt.NDArray[np.int16]
    table: npt.NDArray[np.int8] | None = None

    @property
    def table_step(self) -> int:
        """How far one row's table lies from the next."""
        return self.table.shape[1] if self.table is not None and self.table.ndim > 1 else 0


def store(kernel: Kernel, *, order: tuple[int, ...], as_stream: bool = False) -> StoredWeights:
    """The weights with each row in the axes' `order`; as one stream of fields where asked for."""
    fields, bits, gap, lowest, table = _fields(kernel)
    rows = fields.transpose(order).reshape(len(fields), -1)
    zero = np.broadcast_to(kernel.grid.zero_point, (len(rows),))
    offsets = (lowest - zero).astype(np.int16)
    form = "decoded" if table is not None else FORMS.get(bits, "decoded")
    words = form != "decoded" and not as_stream
    data = _words(rows, bits) if words else pack_fields(rows.reshape(-1), bits)
    return StoredWeights(form, data, bits, gap, offsets, table)


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
        return codes.view(np.uint8), 8, 1, 0, None
    if grid.levels is not None and grid.gap > LARGEST_GAP:
        return fields, grid.bits, 1, 0, grid.levels.astype(np.int8)
    lowest = grid.low if grid.levels is None else int(grid.levels[0])
    return fields, grid.bits, grid.gap, lowest, None


def _words(rows: npt.NDArray[np.uint8], bits: int) -> bytes:
    """The whole words of every row, then what is left of all rows as a stream."""
    count = WORD_BITS // bits
    whole = rows.shape[1] // count * count
    words = rows[:, :whole].reshape(-1, count)[:, word_order(bits)]
    data = pack_fields(words.reshape(-1), bits)
    if whole == rows.shape[1]:
        return data
    return data + pack_fields(rows[:, whole:].reshape(-1), bits) + bytes(OVERREAD)


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
