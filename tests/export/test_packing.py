"""Codes to bytes and back, and the packed size foretold from the graph."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.errors import ExportError
from bitwright.export.integer import Grid
from bitwright.export.packing import pack, packed_bytes, to_fields, unpack, unpack_fields
from bitwright.graph import GraphBuilder
from bitwright.measure.cost import costs
from bitwright.quant.grids import code_range
from bitwright.quant.names import TRANSFORMS, traits_of
from bitwright.quant.spec import Method
from bitwright.testing.integer_models import random_model


def grid_of(method: Method) -> Grid:
    codes = code_range(method, "weight", signed=True)
    levels = None if codes.levels is None else np.array(codes.levels, np.int32)
    return Grid(np.float32(1), np.int32(0), method.bits, codes.low, codes.high, levels)


@given(
    transform=st.sampled_from(["uniform", "lsq", "affine", "apot", "dorefa", "logarithmic"]),
    bits=st.integers(2, 8),
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_codes_come_back(transform: str, bits: int, shape: list[int], seed: int) -> None:
    grid = grid_of(Method(transform, bits, per_channel=False))
    rng = np.random.default_rng(seed)
    codes = grid.on_level(rng.integers(grid.low, grid.high + 1, shape))
    data = pack(codes.astype(np.int8), grid)
    assert len(data) == -(-codes.size * bits // 8)
    assert np.array_equal(unpack(data, grid, codes.shape), codes)


def test_the_first_code_lies_in_the_lowest_bits() -> None:
    four = grid_of(Method.parse("lsq:4"))
    assert pack(np.array([-8, 7, -7], np.int8), four) == bytes([0xF0, 0x01])
    binary = grid_of(Method.parse("lsq:1"))
    assert pack(np.array([1, -1, -1, 1], np.int8), binary) == bytes([0b1001])


@pytest.mark.parametrize(("bits", "code"), [(4, 8), (4, -9), (1, 0), (8, -128)])
def test_a_code_off_the_grid_is_refused(bits: int, code: int) -> None:
    grid = grid_of(Method("uniform" if bits == 8 else "lsq", bits, per_channel=False))
    with pytest.raises(ExportError, match="leave their grid"):
        pack(np.array([1, code], np.int8), grid)


def test_uneven_levels_are_counted_one_by_one() -> None:
    levels = np.array([[-9, 0, 5, 100], [-1, 2, 3, 4]], np.int32)
    grid = Grid(np.ones(2, np.float32), np.zeros(2, np.int32), 2, -127, 127, levels)
    codes = np.array([[100, -9, 0, 5], [4, 3, 2, -1]], np.int8)
    assert to_fields(codes, grid).tolist() == [[3, 0, 1, 2], [3, 2, 1, 0]]
    assert np.array_equal(unpack(pack(codes, grid), grid, codes.shape), codes)
    with pytest.raises(ExportError, match=r"leave their grid -127\.\.127 or its levels"):
        pack(codes[::-1], grid)


def test_a_grid_too_wide_for_its_bits_is_refused() -> None:
    with pytest.raises(ExportError, match="8 levels from -4 to 3 do not fit 2 bits"):
        pack(np.zeros(3, np.int8), Grid(np.float32(1), np.int32(0), 2, -4, 3))


def test_cut_data_is_refused() -> None:
    with pytest.raises(ExportError, match="2 bytes hold no 9 codes of 3 bits"):
        unpack_fields(b"ab", 3, 9)


@pytest.mark.parametrize("activation", ["lsq:8", "affine:3", "apot:4"])
@pytest.mark.parametrize("grain", ["tensor", "channel"])
@pytest.mark.parametrize(
    ("transform", "bits"),
    [
        (name, bits)
        for name in TRANSFORMS
        for bits in traits_of(name).weights
        if bits in (1, 2, 3, 8)
    ],
)
def test_the_graph_foretells_the_packed_size(
    transform: str, bits: int, grain: str, activation: str
) -> None:
    build = GraphBuilder((3, 6, 6), Method("uniform", 8, per_channel=False))
    quantized = {
        "weight": Method.parse(f"{transform}:{bits}:{grain}"),
        "activation": Method.parse(activation, "activation"),
    }
    build.conv("conv", "input", unit="u", width=5, kernel=3, **quantized)
    build.conv("depthwise", "conv", unit="u", width=5, kernel=5, depthwise=True, **quantized)
    build.add("sum", "conv", "depthwise", unit="u", activation=quantized["activation"], relu=True)
    build.pool("max", "sum", unit="u", mode="max", size=2, activation=quantized["activation"])
    build.linear("head", "max", unit="h", width=7, weight=quantized["weight"], activation=None)
    graph = build.finish()
    model = random_model(graph, np.random.default_rng(0))
    assert packed_bytes(model) == costs(graph)["packed_bytes"]
