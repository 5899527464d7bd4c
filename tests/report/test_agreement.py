"""How well a screen's guesses order what was measured."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import kendalltau

from bitwright.records import Estimate, Genome, Measurement, Outcome
from bitwright.report.agreement import kendall_tau, screen_tau
from bitwright.report.html import render


def test_it_is_scipys_ties_and_all():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 6, (2, 15))
        assert kendall_tau(first, second) == pytest.approx(kendalltau(first, second).statistic)
    assert kendall_tau([1, 1], [1, 2]) is None


def test_only_trials_with_both_count():
    def trial(number, estimate, accuracy):
        measured = () if accuracy is None else (("accuracy", Measurement(accuracy)),)
        guess = None if estimate is None else Estimate(estimate, 0.1)
        return Outcome(number, 0, Genome("s"), "complete", 0.0, measured, estimate=guess)

    some = [trial(0, None, 0.1), trial(1, 0.5, 0.6), trial(2, 0.9, None), trial(3, 0.7, 0.9)]
    assert screen_tau(some) == 1.0
    assert screen_tau(some[:3]) is None


def test_the_report_shows_guesses_in_a_column_of_their_own(view):
    complete = [outcome for outcome in view.outcomes if outcome.state == "complete"]
    guessed = tuple(
        dataclasses.replace(outcome, estimate=Estimate(outcome.metric("accuracy") / 2, 0.0125))
        for outcome in complete
    )
    page = render(dataclasses.replace(view, outcomes=guessed))
    assert "Estimated accuracy (%)" in page
    assert f"{50 * complete[0].metric('accuracy'):.2f} \N{PLUS-MINUS SIGN} 1.25" in page
    assert "Kendall tau of the screen" in page
    assert "Estimated accuracy" not in render(view)
