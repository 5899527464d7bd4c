"""Weights in an ONNX file at their bits, widened by operators that ONNX Runtime folds at load."""

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from bitwright.export.integer import Grid
from bitwright.export.onnx_nodes import Nodes
from bitwright.export.packing import pack_fields, to_fields


def stored_codes(nodes: Nodes, codes: npt.NDArray[np.int8], grid: Grid) -> str:
    """The name of int8 codes as their grid has them, stored at their bits and widened at load."""
    fields = to_fields(codes, grid)  # also proves that every code is a level of the grid
    if grid.bits == 8:
        return nodes.constant(codes, shared=False)
    if grid.levels is not None and grid.uneven:
        if -(-codes.size * grid.bits // 8) + grid.levels.size >= codes.size:
            return nodes.constant(codes, shared=False)
        return _looked_up(nodes, fields, grid, grid.levels.astype(np.int8))
    if grid.bits == 4 and grid.low >= -8 and grid.high <= 7:
        stored = nodes.packed(codes, TensorProto.INT4, 4)
        return nodes.add("Cast", stored, to=TensorProto.INT8)
    if grid.bits == 2 and grid.low >= -2 and grid.high <= 1:
        stored = nodes.packed(codes, TensorProto.INT2, 2)
        return nodes.add("Cast", stored, to=TensorProto.INT8)
    counts = _unpacked(nodes, fields, grid.bits, grid.gap)
    lowest = grid.low if grid.levels is None else int(grid.levels.flat[0])
    whole = nodes.add("Add", counts, nodes.constant(np.array(lowest, np.int32)))
    return nodes.add("Cast", whole, to=TensorProto.INT8)


def _looked_up(
    nodes: Nodes, fields: npt.NDArray[np.uint8], grid: Grid, levels: npt.NDArray[np.int8]
) -> str:
    """Codes as their levels' numbers and a table, one for all channels or one for each."""
    table = nodes.constant(levels)
    kind = {4: TensorProto.UINT4, 2: TensorProto.UINT2}.get(grid.bits)
    if kind is None:
        numbers = _unpacked(nodes, fields, grid.bits, 1)
    else:
        stored = nodes.packed(fields, kind, grid.bits)
        numbers = nodes.add("Cast", stored, to=TensorProto.INT32)
    if levels.ndim == 1:
        return nodes.add("Gather", table, numbers)
    rows = nodes.add("Reshape", numbers, nodes.constant(np.array([len(fields), -1])))
    found = nodes.add("GatherElements", table, rows, axis=1)
    return nodes.add("Reshape", found, nodes.constant(np.array(fields.shape)))


def _unpacked(nodes: Nodes, fields: npt.NDArray[np.uint8], bits: int, gap: int) -> str:
    """Numbers (int32) of any width, `gap` for each count: a stream of bits times their values.

    ONNX has types of 2, 4 and 8 bits only.
    """
    stream = np.frombuffer(pack_fields(fields, bits), np.uint8).reshape(-1, 1)
    places = nodes.constant(np.arange(8, dtype=np.uint8))
    shifted = nodes.add("BitShift", nodes.constant(stream), places, direction="RIGHT")
    planes = nodes.add("BitwiseAnd", shifted, nodes.constant(np.array(1, np.uint8)))
    count = fields.size * bits
    if count % 8:
        flat = nodes.add("Reshape", planes, nodes.constant(np.array([-1])))
        ends = nodes.constant(np.array([0])), nodes.constant(np.array([count]))
        planes = nodes.add("Slice", flat, *ends)
    shape = nodes.constant(np.array([*fields.shape, bits]))
    values = nodes.constant(gap << np.arange(bits, dtype=np.uint8))
    return nodes.add("MatMulInteger", nodes.add("Reshape", planes, shape), values)
