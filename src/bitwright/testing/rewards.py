"""The contract of a reward transform as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_reward(check):
        check(my_reward)

Each check raises AssertionError with the law that was broken.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from bitwright.control.reward import Term, Transform

TERMS: Mapping[str, Term] = {
    "accuracy": Term(),
    "latency_ms": Term(0.5, 2.0),
    "packed_bytes": Term(0.1, 4000),
}
ACCURACIES = (0.05, 0.5, 0.9, 1.0)
COSTS = (0.5, 0.99, 1.01, 3.0)  # of the reference


def values_of(accuracy: float, latency: float, size: float) -> dict[str, float]:
    """Measured values; the costs are given as parts of their reference."""
    return {
        "accuracy": accuracy,
        "latency_ms": latency * TERMS["latency_ms"].reference,
        "packed_bytes": size * TERMS["packed_bytes"].reference,
    }


def is_a_number(reward: Transform) -> None:
    """Every score is a finite number, also of a network that is never right."""
    for accuracy, latency, size in itertools.product((0.0, *ACCURACIES), COSTS, COSTS):
        score = reward(values_of(accuracy, latency, size), TERMS)
        assert isinstance(score, int | float), f"the score {score!r} is no number"
        assert math.isfinite(score), f"accuracy {accuracy}: the score is {score}"


def accuracy_alone_is_enough(reward: Transform) -> None:
    """A study may weigh nothing but accuracy."""
    only = {"accuracy": Term()}
    scores = [reward({"accuracy": accuracy}, only) for accuracy in ACCURACIES]
    assert scores == sorted(scores), "the score falls when accuracy rises"
    assert len(set(scores)) > 1, "the score does not depend on accuracy"


def rises_with_accuracy(reward: Transform) -> None:
    """More accuracy at the same costs is worth more."""
    for latency, size in itertools.product(COSTS, COSTS):
        scores = [reward(values_of(accuracy, latency, size), TERMS) for accuracy in ACCURACIES]
        assert scores == sorted(set(scores)), f"accuracy {ACCURACIES} scores {scores}"


def never_rises_with_a_cost(reward: Transform) -> None:
    """A higher cost is worth the same or less, and a much higher one is worth less."""
    for accuracy, other in itertools.product(ACCURACIES, COSTS):
        for name, scores in {
            "latency_ms": [reward(values_of(accuracy, cost, other), TERMS) for cost in COSTS],
            "packed_bytes": [reward(values_of(accuracy, other, cost), TERMS) for cost in COSTS],
        }.items():
            assert scores == sorted(scores, reverse=True), f"{name}: the score rises with the cost"
            assert scores[0] > scores[-1], f"{name}: the cost does not count"


def a_heavier_weight_counts_more(reward: Transform) -> None:
    """What lies above its reference costs more when its weight is higher."""
    values = values_of(0.9, 3.0, 1.0)
    heavy = {**TERMS, "latency_ms": Term(2.0, TERMS["latency_ms"].reference)}
    assert reward(values, heavy) < reward(values, TERMS), "the weight does not count"


def is_pure(reward: Transform) -> None:
    """The same values give the same score, and stay as they are."""
    values = values_of(0.9, 1.2, 0.8)
    before = dict(values)
    assert reward(values, TERMS) == reward(values, TERMS), "one candidate got two scores"
    assert values == before, "the measured values were changed"


CHECKS: Sequence[Callable[[Transform], None]] = (
    is_a_number,
    accuracy_alone_is_enough,
    rises_with_accuracy,
    never_rises_with_a_cost,
    a_heavier_weight_counts_more,
    is_pure,
)
