"""Uneven levels: the papers' sets on whole codes, and the table that finds the nearest."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.quant.grids import code_range
from bitwright.quant.levels import additive, evenly_spaced, geometric, mirrored, nearest, stretched
from bitwright.quant.spec import Method

PLACES = [("weight", True), ("activation", False), ("activation", True)]
FIXED = [
    (name, bits, role, signed)
    for name, bits, (role, signed) in itertools.product(
        ("apot", "logarithmic"), range(2, 9), PLACES
    )
]


@pytest.mark.parametrize(
    ("bits", "in_steps"),
    [  # arXiv 1909.13144, figure 1 and the released code: terms of two bits, and one of one bit
        (2, {0, 1, 2, 4}),
        (3, {a + b for a in (0, 8, 4, 1) for b in (0, 2)}),
        (4, {a + b for a in (0, 32, 8, 2) for b in (0, 16, 4, 1)}),
        (5, {a + b + c for a in (0, 64, 16, 2) for b in (0, 32, 8, 1) for c in (0, 4)}),
    ],
)
def test_additive_levels_are_the_papers(bits: int, in_steps: set[int]) -> None:
    assert additive(bits, 8) == tuple(sorted(in_steps))


@pytest.mark.parametrize("places", [7, 8])
def test_where_the_papers_terms_do_not_fit_there_are_fewer_of_two_bits(places: int) -> None:
    for bits in range(1, places + 1):
        levels = additive(bits, places)
        assert len(set(levels)) == 2**bits
        assert levels[-1] < 2**places
    assert additive(places, places) == tuple(range(2**places))


def test_logarithmic_levels_are_powers_of_two_then_of_its_roots() -> None:
    assert geometric(2, 255) == (0, 1, 2, 4)
    assert geometric(3, 127) == (0, 1, 2, 4, 8, 16, 32, 64)
    exact = [255 / 2 ** (step / 2) for step in range(15)]
    assert np.abs(np.array(geometric(4, 255)[:0:-1]) - exact).max() <= 0.5
    for bits, top in itertools.product(range(1, 9), (127, 255)):
        if 2**bits - 1 <= top:
            levels = geometric(bits, top)
            assert len(levels) == 2**bits
            assert (np.diff(levels) >= 1).all()
            assert levels[-1] <= top


def test_levels_fill_the_codes_by_a_whole_factor() -> None:
    assert stretched((0, 1, 2, 4), 127) == (0, 31, 62, 124)
    assert stretched((0, 1, 2), 127) == (0, 1, 2), "even levels need no room between them"
    assert mirrored((0, 31, 62)) == (-62, -31, 0, 31, 62)


@pytest.mark.parametrize(("name", "bits", "role", "signed"), FIXED)
def test_fixed_levels_lie_on_codes_and_hold_zero(
    name: str, bits: int, role: str, signed: bool
) -> None:
    codes = code_range(Method(name, bits, per_channel=False), role, signed=signed)
    levels = codes.levels or tuple(range(codes.low, codes.high + 1))
    assert len(levels) in (2**bits, 2**bits - 1)
    assert (levels[0], levels[-1]) == (codes.low, codes.high)
    assert codes.zero_point in levels
    assert codes.low >= (-128 if role == "weight" else 0)
    assert codes.high <= (127 if role == "weight" else 255)
    if signed:
        assert codes.zero_point - codes.low == codes.high - codes.zero_point


def test_evenly_spaced_levels_are_told_from_others() -> None:
    assert evenly_spaced((-3, -1, 1, 3))
    assert not evenly_spaced((0, 1, 2, 4))
    assert not evenly_spaced(np.array([[0, 1], [0, 2]]))


@given(
    levels=st.sets(st.integers(-20, 20), min_size=1, max_size=12),
    zero=st.integers(-20, 20),
)
def test_the_nearest_level_is_found_and_ties_go_towards_zero(levels: set[int], zero: int) -> None:
    ordered = np.array(sorted(levels))
    found = nearest(ordered, -25, 25, zero)
    for code, level in zip(range(-25, 26), found, strict=True):
        distance = abs(level - code)
        assert distance == np.abs(ordered - code).min()
        other = 2 * code - level  # as far away on the other side
        if other in levels:
            assert (abs(level - zero), -level) <= (abs(other - zero), -other)


def test_rows_have_tables_of_their_own() -> None:
    levels = np.array([[-4, 0, 1], [-1, 2, 4]])
    table = nearest(levels, -4, 4, 0)
    assert table.tolist() == [nearest(row, -4, 4, 0).tolist() for row in levels]
    assert table[0].tolist() == [-4, -4, 0, 0, 0, 1, 1, 1, 1]
