"""Domination against its definition, row by row."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bitwright.control.domination import crowding, dominates, order, ranks

FEW = st.integers(0, 4).map(float)  # few values, so that ties occur
COSTS = st.integers(1, 12).flatmap(
    lambda rows: st.integers(1, 3).flatmap(lambda goals: arrays(float, (rows, goals), elements=FEW))
)


def _beats(costs, violations, i, j):
    """Deb's constrained domination, literally."""
    if violations[i] > 0 or violations[j] > 0:
        return max(violations[i], 0) < max(violations[j], 0)
    pairs = list(zip(costs[i], costs[j], strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def _fronts(costs, violations):
    """Fronts peeled off one after the other."""
    left, found = set(range(len(costs))), {}
    for rank in itertools.count():
        if not left:
            return [found[i] for i in range(len(costs))]
        front = {i for i in left if not any(_beats(costs, violations, j, i) for j in left)}
        found |= dict.fromkeys(front, rank)
        left -= front


@given(COSTS, st.data())
def test_it_is_the_definition(costs, data):
    violations = data.draw(arrays(float, len(costs), elements=st.sampled_from([0.0, 0.1, 0.5])))
    rows = range(len(costs))
    expected = [[_beats(costs, violations, i, j) for j in rows] for i in rows]
    assert dominates(costs, violations).tolist() == expected
    assert ranks(costs, violations).tolist() == _fronts(costs, violations)


@given(COSTS)
def test_the_order_goes_by_fronts_and_then_by_loneliness(costs):
    violations = np.zeros(len(costs))
    placed, front = order(costs, violations), ranks(costs, violations)
    assert sorted(placed) == list(range(len(costs)))
    assert list(front[placed]) == sorted(front)
    for rank in set(front):
        members = [row for row in placed if front[row] == rank]
        lonely = dict(
            zip(np.flatnonzero(front == rank), crowding(costs[front == rank]), strict=True)
        )
        assert [lonely[row] for row in members] == sorted(lonely.values(), reverse=True)


def test_crowding_by_hand():
    costs = np.array([[0.0, 4.0], [1.0, 3.0], [3.0, 1.0], [4.0, 0.0]])
    assert crowding(costs).tolist() == [np.inf, 0.75 + 0.75, 0.75 + 0.75, np.inf]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_equal_rows_are_not_set_apart(rows):
    assert crowding(np.ones((rows, 2))).tolist() == [0.0] * rows


def test_the_least_violation_comes_first_whatever_it_costs():
    costs = np.array([[0.0], [9.0], [0.0]])
    assert order(costs, np.array([0.5, 0.0, 0.1])).tolist() == [1, 2, 0]
