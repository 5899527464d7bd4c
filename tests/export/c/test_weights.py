"""Packed weights: exact to the byte, and read back to what they stand for."""

import math

import numpy as np
import pytest

from bitwright.export.c.weights import WORD_BITS, StoredWeights, group, store, word_order
from bitwright.export.packing import unpack_fields
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_model

METHODS = (*(f"lsq:{bits}" for bits in range(1, 9)), "affine:4:channel", "dorefa:3", "binary:1")
UNEVEN = ("apot:4", "codebook:2:tensor", "codebook:2:channel", "codebook:1:tensor")


def read_back(stored: StoredWeights, rows: int, count: int) -> np.ndarray:
    """The centred weights (rows, count), by the format's own words."""
    each = group(stored.bits)
    whole = 0 if stored.form == "table" else count // each * each
    grouped = unpack_fields(stored.data[: stored.rest], stored.bits, rows * whole)
    if WORD_BITS % stored.bits == 0:
        inside = np.empty((rows * whole // each, each), np.uint8)
        inside[:, word_order(stored.bits)] = grouped.reshape(-1, each)
        grouped = inside
    after = unpack_fields(stored.data[stored.rest :], stored.bits, rows * (count - whole))
    fields = np.concatenate([grouped.reshape(rows, -1), after.reshape(rows, -1)], axis=1)
    if stored.table is not None:
        table = np.broadcast_to(stored.table, (rows, stored.table.shape[-1]))
        levels = np.take_along_axis(table.astype(int), fields.astype(int), 1)
        return levels + stored.offsets[:, None]
    return fields.astype(int) * stored.gap + stored.offsets[:, None]


@pytest.mark.parametrize("method", METHODS + UNEVEN)
def test_what_is_stored_is_the_centred_weights(method: str) -> None:
    model = random_model(every_layer(method, "lsq:8:tensor"), np.random.default_rng(0))
    for layer in model.layers:
        if layer.node.op != "conv":
            continue
        kernel = layer.kernel
        stored = store(kernel, order=(0, 2, 3, 1))
        zero = kernel.grid.zero_point.reshape(-1, 1, 1, 1)
        expected = (kernel.codes.astype(int) - zero).transpose(0, 2, 3, 1)
        rows, count = len(expected), expected[0].size
        found = read_back(stored, rows, count)
        assert np.array_equal(found, expected.reshape(rows, count)), layer.node.name


@pytest.mark.parametrize("bits", range(1, 9))
def test_no_bit_is_wasted(bits: int) -> None:
    model = random_model(every_layer(f"lsq:{bits}", "lsq:8:tensor"), np.random.default_rng(0))
    for layer in model.layers:
        if layer.codes is None:
            continue
        order = (0, 2, 3, 1) if layer.codes.ndim == 4 else (0, 1)
        stored = store(layer.kernel, order=order)
        assert stored.bits == bits
        assert len(stored.data) == math.ceil(layer.codes.size * bits / 8), layer.node.name


def test_a_table_that_does_not_pay_is_left_out() -> None:
    model = random_model(
        every_layer("codebook:7:channel", "lsq:8:tensor"), np.random.default_rng(0)
    )
    stored = store(model.layer("point").kernel, order=(0, 2, 3, 1))
    assert stored.table is None and stored.bits == 8 and stored.form == "w8"


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_words_hold_each_weight_once(bits: int) -> None:
    assert sorted(word_order(bits)) == list(range(WORD_BITS // bits))
