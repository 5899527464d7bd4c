"""The arithmetic of a forecast."""

import pytest

from bitwright.study.forecast import STEADY, Forecast, Pace, Phase, Span, Timed

PACE = Pace((Timed(300, 3.0, 1.0), Timed(100, 1.0, 1.0), Timed(200, 2.5, 1.0)), (100, 250, 300))


def test_steps_lie_on_the_lines_between_those_timed():
    assert [PACE.step(macs) for macs in (100, 150, 200, 250, 300)] == [1.0, 1.75, 2.5, 2.75, 3.0]
    assert PACE.step(400) == pytest.approx(3.5), "dearer ones than those timed take longer"
    assert PACE.step(0) == 1.0, "cheaper ones are no cheaper than the cheapest timed"


def test_a_trial_lies_between_the_cheapest_and_the_dearest():
    span = PACE.trial(10)
    assert (span.low, span.high) == (11.0, 31.0)
    assert span.likely == pytest.approx((11.0 + 28.5 + 31.0) / 3)
    assert PACE.steps(10).low == 10.0


def test_one_timed_candidate_stands_for_all():
    pace = Pace((Timed(100, 2.0, 0.5),), (50, 100, 900))
    assert pace.trial(3) == Span(6.5, 6.5, 6.5)


def test_candidates_of_equal_cost_do_not_divide_by_zero():
    pace = Pace((Timed(100, 2.0, 0.0), Timed(100, 3.0, 0.0)), (100,))
    assert pace.step(100) in (2.0, 3.0)


def test_spans_add_up():
    total = Span(1, 2, 3) + Span.about(10).times(2)
    assert total == Span(1 + 20 * STEADY[0], 22, 3 + 20 * STEADY[1])
    assert Span(1, 20, 30).at_most(5) == Span(1, 5, 5)
    phases = (Phase("a", "", Span(1, 2, 3)), Phase("b", "", Span(1, 1, 1)))
    assert Forecast("s", "o", 0, (), 1, 1, phases, 1, ()).total == Span(2, 3, 4)
