"""The ensemble of Gaussian processes: what it knows, what it does not, and that it learns."""

import numpy as np
import pytest

from bitwright.control.gaussian import Ensemble

RNG = np.random.default_rng(0)
ROWS = RNG.uniform(-1, 1, (80, 3))
WEIGHTS = np.full(3, 3**-0.5)


def truth(rows):
    return np.sin(3 * rows[:, 0]) + rows[:, 1] ** 2  # the third feature says nothing


def test_it_guesses_a_smooth_function_and_knows_how_well():
    ensemble = Ensemble(ROWS, truth(ROWS), WEIGHTS)
    asked = RNG.uniform(-1, 1, (300, 3))
    means, spreads = ensemble.guess(asked)
    missed = np.abs(means - truth(asked))
    assert missed.mean() < 0.15 * truth(asked).std()
    assert (missed < 3 * spreads).mean() > 0.95
    assert np.corrcoef(missed, spreads)[0, 1] > 0.2


def test_what_it_was_told_without_noise_it_says_again():
    means, spreads = Ensemble(ROWS, truth(ROWS), WEIGHTS).guess(ROWS)
    assert means == pytest.approx(truth(ROWS), abs=0.05)
    assert spreads.max() < 0.1


def test_far_from_all_that_it_knows_it_says_the_mean_and_is_unsure():
    ensemble = Ensemble(ROWS, truth(ROWS), WEIGHTS)
    means, spreads = ensemble.guess(np.full((1, 3), 1e4))
    assert means == pytest.approx([truth(ROWS).mean()], abs=1e-6)
    assert spreads[0] > 5 * ensemble.guess(ROWS)[1].mean()


def test_noise_is_not_learned_by_heart():
    noisy = RNG.normal(size=80)
    means, _ = Ensemble(ROWS, noisy, WEIGHTS).guess(ROWS)
    assert means.std() < 0.7 * noisy.std()


def test_the_scale_of_a_feature_does_not_count_but_its_weight_does():
    plain = Ensemble(ROWS, truth(ROWS), WEIGHTS).guess(ROWS[:5] + 0.1)
    factor = np.array([1000.0, 1.0, 1e-3])
    scaled = Ensemble(ROWS * factor, truth(ROWS), WEIGHTS).guess((ROWS[:5] + 0.1) * factor)
    assert np.array(plain) == pytest.approx(np.array(scaled), rel=1e-6)
    blind = Ensemble(ROWS, truth(ROWS), np.array([0.0, 0.0, 1.0])).guess(ROWS)[0]
    assert np.corrcoef(blind, truth(ROWS))[0, 1] < 0.6


def test_a_feature_that_was_always_the_same_may_change():
    rows = np.column_stack([ROWS, np.ones(80)])
    moved = rows[:3] + np.array([0, 0, 0, 2])
    means, spreads = Ensemble(rows, truth(ROWS), np.full(4, 0.5)).guess(moved)
    assert np.isfinite(means).all() and np.isfinite(spreads).all()


def test_equal_values_are_guessed_again():
    means, spreads = Ensemble(ROWS, np.full(80, 0.5), WEIGHTS).guess(ROWS[:4])
    assert means == pytest.approx([0.5] * 4)
    assert spreads == pytest.approx([0.0] * 4, abs=1e-6)
