"""Codes as bytes: a stream of fields of 1 to 8 bits, least significant bit first.

A weight's field is its level counted from the grid's lowest, so any range fits its width. Uneven
levels need a table to come back from their fields.
"""

import math

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export.integer import Grid, IntegerModel
from bitwright.graph import Shape
from bitwright.measure.cost import packed_grid_bytes, packed_table_bytes, packed_weight_bytes


def pack(codes: npt.NDArray[np.int8], grid: Grid) -> bytes:
    """The codes at the grid's bits, in C order, the last byte filled up with zeros."""
    return pack_fields(to_fields(codes, grid), grid.bits)


def unpack(data: bytes, grid: Grid, shape: Shape) -> npt.NDArray[np.int8]:
    """The codes that `pack` wrote."""
    fields = unpack_fields(data, grid.bits, math.prod(shape)).reshape(shape)
    if grid.levels is None or not grid.uneven:
        return (fields.astype(np.int16) * grid.gap + grid.low).astype(np.int8)
    if grid.levels.ndim == 1:
        return grid.levels[fields].astype(np.int8)
    channels = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return grid.levels[channels, fields].astype(np.int8)


def packed_bytes(model: IntegerModel) -> int:
    """The bytes of the model's own numbers, packed; `measure.cost` foretells it from the graph."""
    total = 0
    for layer in model.layers:
        node = layer.node
        if node.weight is not None and layer.codes is not None and layer.weights is not None:
            total += packed_weight_bytes(
                node.weight,
                weights=layer.codes.size,
                grids=layer.weights.scale.size,
                biases=0 if layer.bias is None else layer.bias.size,
            )
        if node.activation is not None and layer.output is not None:
            total += packed_grid_bytes(node.activation, grids=layer.output.scale.size)
    return total + packed_table_bytes(model.graph)


def to_fields(codes: npt.NDArray[np.int8], grid: Grid) -> npt.NDArray[np.uint8]:
    """The levels' numbers, from 0 for the lowest; ExportError for a code that is no level."""
    count = grid.high - grid.low + 1 if grid.levels is None else grid.levels.shape[-1]
    if count > 1 << grid.bits:
        raise ExportError(
            f"{count} levels from {grid.low} to {grid.high} do not fit {grid.bits} bits; "
            "widen the weight's method"
        )
    if codes.size and (codes.min() < grid.low or codes.max() > grid.high):
        raise _off_grid(codes, grid)
    offset = codes.astype(np.int16) - grid.low
    if grid.levels is None:
        return offset.astype(np.uint8)
    fields = _fields_by_code(grid)
    channels = np.arange(len(fields)).reshape(-1, *[1] * (codes.ndim - 1))
    found = fields[channels if len(fields) > 1 else 0, offset]
    if (found < 0).any():
        raise _off_grid(codes, grid)
    return np.asarray(found, np.uint8)


def _fields_by_code(grid: Grid) -> npt.NDArray[np.int16]:
    """The level's number for each code from low to high, (1 or C, codes); -1 where none is."""
    assert grid.levels is not None  # else every code is a level
    levels = np.atleast_2d(grid.levels)
    fields = np.full((len(levels), grid.high - grid.low + 1), -1, np.int16)
    for row, codes in zip(fields, levels, strict=True):
        row[codes - grid.low] = np.arange(len(codes))
    return fields


def _off_grid(codes: npt.NDArray[np.int8], grid: Grid) -> ExportError:
    return ExportError(
        f"weight codes {codes.min()}..{codes.max()} leave their grid {grid.low}..{grid.high}"
        f"{'' if grid.levels is None else ' or its levels'}; clip and round them before export"
    )


def pack_fields(fields: npt.NDArray[np.uint8], bits: int) -> bytes:
    """The lowest `bits` of each field as a bit stream."""
    planes = fields.reshape(-1, 1) >> np.arange(bits, dtype=np.uint8) & 1
    return np.packbits(planes, bitorder="little").tobytes()


def unpack_fields(data: bytes, bits: int, count: int) -> npt.NDArray[np.uint8]:
    """The first `count` fields of the stream that `pack_fields` wrote."""
    stream = np.frombuffer(data, np.uint8)
    if stream.size != -(-count * bits // 8):
        raise ExportError(
            f"{stream.size} bytes hold no {count} codes of {bits} bits "
            f"({-(-count * bits // 8)} bytes); the packed data is cut or of another model"
        )
    planes = np.unpackbits(stream, count=count * bits, bitorder="little").reshape(count, bits)
    fields: npt.NDArray[np.uint8] = (planes << np.arange(bits, dtype=np.uint8)).sum(1, np.uint8)
    return fields
