"""Candidates in numbers: every decision, how often what is picked, and the exact costs."""

import math

import numpy as np
import pytest

from bitwright.control.features import Features
from bitwright.control.learned import ENOUGH, LearnedMetric
from bitwright.records import Choice, Genome, Measurement, Outcome


class Small:
    """One decision that others hang under."""

    space_id = "small"

    def declared(self):
        return (
            Choice("a/0/kind", ("conv", "pool")),
            Choice("a/0/kernel", (3, 5, 7)),
            Choice("a/0/weight", ("lsq:8:channel", "lsq:2:channel", "apot:4:channel")),
            Choice("a/1/weight", ("lsq:8:channel", "binary:1:channel")),
        )


CONV = Genome("small", (("a/0/kind", "conv"), ("a/0/kernel", 5), ("a/0/weight", "apot:4:channel")))
POOL = Genome("small", (("a/0/kind", "pool"),))


def described(genome, costs=lambda genome: {"macs": 99.0}):
    return Features(Small(), costs)([genome])[0]


def test_a_description_holds_every_decision_the_sums_and_the_costs():
    kind, kernel, first, second = [1, 0], [0, 1, 0, 0.5, 1], [0, 0, 1, 0.5, 1], [0, 0, 0.5, 0]
    sums = [1, 0, 0, 1, 0, 0, 0, 1, 0]  # two kinds, three kernels, four methods
    expected = [*kind, *kernel, *first, *second, *sums, math.log1p(99)]
    assert described(CONV).tolist() == pytest.approx(expected)


def test_methods_are_ordered_by_their_bits():
    """8 bits are the most, 2 the least; the list says it the other way round."""
    by_bits = [
        described(Genome("small", (("a/0/weight", f"{method}:channel"),)))[10]
        for method in ("lsq:2", "apot:4", "lsq:8")
    ]
    assert by_bits == [0.0, 0.5, 1.0]


def test_what_was_not_asked_is_no_option():
    assert described(POOL)[2:7].tolist() == [0, 0, 0, 0.5, 0]


def test_both_halves_count_as_much():
    features = Features(Small(), lambda genome: {"macs": 99.0})
    rows = features([CONV, POOL])
    weights = features.weights(rows) ** 2
    assert weights[:16].sum() == pytest.approx(0.5) and weights[16:].sum() == pytest.approx(0.5)


def test_costs_are_asked_once():
    asked = []
    features = Features(Small(), lambda genome: asked.append(genome) or {"macs": 1.0})
    features([CONV])
    features([CONV])
    assert features.costs(CONV) == {"macs": 1.0}
    assert asked == [CONV]


def outcome(number, genome, value, state="complete"):
    return Outcome(number, 0, genome, state, 0.0, (("accuracy", Measurement(value)),))


def genomes():
    return [
        Genome("small", (("a/0/kind", "conv"), ("a/0/kernel", kernel), ("a/0/weight", weight)))
        for kernel in (3, 5, 7)
        for weight in Small().declared()[2].options
    ]


def test_a_metric_is_guessed_once_enough_of_it_is_known():
    learned = LearnedMetric("accuracy", Features(Small(), lambda genome: {}))
    found = [outcome(at, genome, at / 10) for at, genome in enumerate(genomes())]
    learned.learn(found[: ENOUGH - 1])
    learned.learn([outcome(99, POOL, 0.5, "infeasible"), Outcome(9, 9, POOL, "complete", 0.0)])
    assert learned.guess([POOL]) is None, "what is not complete or was not measured does not count"
    learned.learn(found[ENOUGH - 1 :])
    means, spreads = learned.guess(genomes())
    assert np.corrcoef(means, np.arange(9))[0, 1] > 0.9
    assert (spreads > 0).all()


def test_what_is_measured_again_replaces_what_was():
    learned = LearnedMetric("accuracy", Features(Small(), lambda genome: {}))
    learned.learn([outcome(at, genome, 0.9) for at, genome in enumerate(genomes())])
    learned.learn([outcome(at + 9, genome, 0.2) for at, genome in enumerate(genomes())])
    assert learned.guess(genomes())[0] == pytest.approx([0.2] * 9)
