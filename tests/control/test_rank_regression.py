"""A line from a score's rank to a value."""

import numpy as np
import pytest

from bitwright.control.rank_regression import RankRegression

SCORES = np.array([3.0, 1.0, 2.0, 5.0, 4.0])


def test_values_that_lie_on_a_line_over_the_ranks_are_found_again():
    means, spreads = RankRegression(SCORES, SCORES / 10).guess(SCORES)
    assert means == pytest.approx(SCORES / 10)
    assert spreads == pytest.approx(np.zeros(5), abs=1e-12)


def test_only_the_order_of_scores_counts():
    values = np.array([0.5, 0.2, 0.4, 0.9, 0.6])
    plain = RankRegression(SCORES, values).guess(np.array([2.5]))
    bent = RankRegression(np.exp(9 * SCORES), values).guess(np.exp(9 * np.array([2.5])))
    assert np.array(plain) == pytest.approx(np.array(bent))


def test_a_score_that_orders_the_other_way_round_is_turned():
    means, _ = RankRegression(SCORES, -SCORES).guess(np.array([0.0, 9.0]))
    assert means[0] > means[1]


def test_the_spread_is_what_the_line_misses():
    values = np.array([0.1, -0.1, 0.1, -0.1, 0.1, -0.1])
    fitted = RankRegression(np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]), values)
    means, spreads = fitted.guess(np.array([2.0]))
    assert means == pytest.approx([0.0])
    assert spreads == pytest.approx([np.sqrt(6 * 0.01 / 4)])


def test_equal_scores_tell_nothing():
    means, _ = RankRegression(np.zeros(4), np.array([1.0, 2.0, 3.0, 6.0])).guess(np.array([0, 7]))
    assert means == pytest.approx([3.0, 3.0])
