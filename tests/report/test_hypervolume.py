"""The hypervolume against counting the cells of a grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.report.hypervolume import hypervolume

SIDE = 8
points = st.lists(st.tuples(st.integers(0, SIDE), st.integers(0, SIDE)), max_size=12)


def counted(cloud: list[tuple[int, int]]) -> float:
    """The share of unit cells between (0, 0) and (SIDE, SIDE) under some point."""
    cells = [(x, y) for x in range(SIDE) for y in range(SIDE)]
    return sum(any(x < a and y < b for a, b in cloud) for x, y in cells) / SIDE**2


@given(points)
def test_it_is_the_share_of_the_cells_that_the_points_cover(cloud):
    found = hypervolume(cloud, reference=(0, 0), ideal=(SIDE, SIDE))
    assert found == pytest.approx(counted(cloud))


@given(points)
def test_the_box_says_which_way_is_better(cloud):
    turned = [(x, SIDE - y) for x, y in cloud]
    found = hypervolume(turned, reference=(0, SIDE), ideal=(SIDE, 0))
    assert found == pytest.approx(counted(cloud))


def test_points_beyond_the_box_count_up_to_its_edge():
    assert hypervolume([(20, 4), (-1, 3)], reference=(0, 0), ideal=(8, 8)) == 0.5


def test_a_box_without_area_tells_nothing():
    assert hypervolume([(1, 1)], reference=(1, 0), ideal=(1, 5)) is None
