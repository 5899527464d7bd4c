"""Codes as bytes: a stream of fields of 1 to 8 bits, least significant bit first.

A weight's field is its code counted from the grid's lowest, so any range fits its width; the codes
of a binary grid are -1 and +1, two apart.
"""

import math

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export.integer import Grid, IntegerModel
from bitwright.graph import Shape
from bitwright.measure.cost import packed_grid_bytes, packed_weight_bytes


def pack(codes: npt.NDArray[np.int8], grid: Grid) -> bytes:
    """The codes at the grid's bits, in C order, the last byte filled up with zeros."""
    return pack_fields(to_fields(codes, grid), grid.bits)


def unpack(data: bytes, grid: Grid, shape: Shape) -> npt.NDArray[np.int8]:
    """The codes that `pack` wrote."""
    fields = unpack_fields(data, grid.bits, math.prod(shape)).astype(np.int16)
    return (fields * code_step(grid) + grid.low).astype(np.int8).reshape(shape)


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
    return total


def code_step(grid: Grid) -> int:
    """The distance between neighbouring codes: 2 on the binary grid {-1, +1}, else 1."""
    return 2 if grid.bits == 1 and grid.high - grid.low == 2 else 1


def to_fields(codes: npt.NDArray[np.int8], grid: Grid) -> npt.NDArray[np.uint8]:
    """The codes counted from the grid's lowest, in steps; ExportError for a code off the grid."""
    step = code_step(grid)
    if grid.high - grid.low >= step << grid.bits:
        raise ExportError(
            f"codes {grid.low}..{grid.high} do not fit {grid.bits} bits; widen the weight's method"
        )
    offset = codes.astype(np.int16) - grid.low
    if codes.size and (codes.min() < grid.low or codes.max() > grid.high or (offset % step).any()):
        raise ExportError(
            f"weight codes {codes.min()}..{codes.max()} leave their grid {grid.low}..{grid.high} "
            f"in steps of {step}; clip and round them before export"
        )
    return (offset // step).astype(np.uint8)


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
