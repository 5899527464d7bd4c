import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.config import RewardConfig
from bitwright.control.reward import Reward, Term, Violation
from bitwright.errors import ConfigError, MeasurementError
from bitwright.metrics import METRICS

TRANSFORMS = ["linear", "exponential", "hinge"]
ACCURACY = {"accuracy": Term()}
SIZE = {"accuracy": Term(2.0), "packed_bytes": Term(0.5, 1000.0)}
AMOUNT = st.floats(0.01, 1e6)


@pytest.mark.parametrize(
    ("transform", "size", "expected"),
    [
        ("linear", 2000, 2 * 0.9 - 0.5 * 2),
        ("exponential", 2000, 0.9**2 * 2**-0.5),
        ("hinge", 2000, 2 * 0.9 - 0.5 * 1),
        ("linear", 500, 2 * 0.9 - 0.5 * 0.5),
        ("exponential", 500, 0.9**2 * 0.5**-0.5),
        ("hinge", 500, 2 * 0.9),
    ],
)
def test_score_by_hand(transform, size, expected):
    reward = Reward(transform, SIZE, {})
    assert reward.score({"accuracy": 0.9, "packed_bytes": size}) == pytest.approx(expected)


@pytest.mark.parametrize("transform", TRANSFORMS)
@given(accuracy=st.floats(0.01, 0.98), cost=AMOUNT, more=st.floats(1.1, 10))
def test_it_rises_with_accuracy_and_never_with_a_cost(transform, accuracy, cost, more):
    reward = Reward(transform, SIZE, {})
    here = reward.score({"accuracy": accuracy, "packed_bytes": cost})
    better = reward.score({"accuracy": accuracy + 0.01, "packed_bytes": cost})
    larger = reward.score({"accuracy": accuracy, "packed_bytes": cost * more})
    assert better > here
    assert larger <= here
    if transform != "hinge" or cost > 1000:
        assert larger < here


def test_a_learner_of_nothing_scores_zero_exponentially():
    assert Reward("exponential", SIZE, {}).score({"accuracy": 0.0, "packed_bytes": 1}) == 0.0


def test_the_study_files_settings_fit():
    settings = RewardConfig.model_validate(
        {"transform": "hinge", "metrics": {"accuracy": {}, "macs": {"reference": 1e6}}}
    )
    reward = Reward(settings.transform, settings.metrics, {"latency_ms": 2.0})
    assert reward.needs == {"accuracy", "macs", "latency_ms"}
    assert reward.score({"accuracy": 0.5, "macs": 3e6}) == pytest.approx(0.5 - 2)


@pytest.mark.parametrize("name", METRICS)
def test_a_missing_measurement_raises(name):
    reward = Reward("linear", {**ACCURACY, name: Term()}, {})
    measured = {metric: 0.5 for metric in METRICS if metric != name}
    with pytest.raises(MeasurementError, match=f"needs '{name}', which was not measured"):
        reward.score(measured)


def test_a_limit_needs_its_measurement_too():
    with pytest.raises(MeasurementError, match="needs 'latency_ms'"):
        Reward("linear", ACCURACY, {"latency_ms": 1.0}).violations({"accuracy": 1.0})


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_measurement_that_is_no_amount_raises(value):
    with pytest.raises(MeasurementError, match="'accuracy' was measured as"):
        Reward("linear", ACCURACY, {}).score({"accuracy": value})


def test_a_cost_of_zero_has_no_logarithm():
    measured = {"accuracy": 0.5, "packed_bytes": 0.0}
    with pytest.raises(MeasurementError, match="'packed_bytes' was measured as 0"):
        Reward("exponential", SIZE, {}).score(measured)
    assert Reward("hinge", SIZE, {}).score(measured) == 1.0


@pytest.mark.parametrize(
    ("transform", "metrics", "limits", "message"),
    [
        ("linaer", ACCURACY, {}, "did you mean 'linear'"),
        ("linear", {"macs": Term()}, {}, "has no 'accuracy'"),
        ("linear", {**ACCURACY, "latency": Term()}, {}, "did you mean 'latency_ms'"),
        ("linear", ACCURACY, {"size": 3.0}, "unknown metric 'size'"),
        ("linear", {"accuracy": Term(weight=0)}, {}, r"\[reward.metrics.accuracy\] weight = 0"),
        ("linear", {"accuracy": Term(1, -1)}, {}, r"reference = -1: give a number above 0"),
        ("linear", ACCURACY, {"macs": math.inf}, r"\[limits\] macs = inf"),
    ],
)
def test_impossible_settings_are_refused(transform, metrics, limits, message):
    with pytest.raises(ConfigError, match=message):
        Reward(transform, metrics, limits)


LIMITS = {"packed_bytes": 1000.0, "accuracy": 0.8}


def test_limits_are_kept_at_their_very_value():
    reward = Reward("linear", ACCURACY, LIMITS)
    assert reward.violations({"packed_bytes": 1000, "accuracy": 0.8}) == ()


def test_violations_name_metric_value_and_limit():
    found = Reward("linear", ACCURACY, LIMITS).violations({"packed_bytes": 1200, "accuracy": 0.6})
    assert found == (Violation("packed_bytes", 1200, 1000.0), Violation("accuracy", 0.6, 0.8))
    assert [str(violation) for violation in found] == [
        "packed_bytes 1200 is over the limit 1000",
        "accuracy 0.6 is under the limit 0.8",
    ]
    assert Reward.penalty(found) == pytest.approx(-(0.2 + 0.25))


def test_the_penalty_is_minus_one_at_the_least():
    assert Reward.penalty((Violation("macs", 1e9, 1.0),)) == -1.0


@given(st.floats(1e-6, 10), st.floats(1.01, 10))
def test_the_penalty_is_negative_and_grows_with_the_violation(excess, more):
    little = Reward.penalty((Violation("macs", 1 + excess, 1.0),))
    much = Reward.penalty((Violation("macs", 1 + excess * more, 1.0),))
    assert -1 <= much <= little < 0
