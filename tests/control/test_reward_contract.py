"""Every reward transform keeps the contract that is published for users' own."""

import math

import pytest

from bitwright.control.reward import REWARDS
from bitwright.testing.rewards import CHECKS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", REWARDS)
def test_every_reward_keeps_it(name, check):
    check(REWARDS.get(name))


def harmless(values, terms):
    return sum(values.values())


def blind(values, terms):
    return values["accuracy"]


def weightless(values, terms):
    return values["accuracy"] - sum(
        values[name] / term.reference for name, term in terms.items() if name != "accuracy"
    )


def greedy(values, terms):
    values["accuracy"] += 1
    return weightless(values, terms)


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        (harmless, "the score rises with the cost"),
        (blind, "the cost does not count"),
        (lambda values, terms: math.nan, "the score is nan"),
        (lambda values, terms: "much", "is no number"),
        (lambda values, terms: 1.0, "does not depend on accuracy"),
        (weightless, "the weight does not count"),
        (greedy, "two scores"),
    ],
)
def test_a_reward_that_breaks_it_is_told(reward, said):
    with pytest.raises(AssertionError, match=said):
        for check in CHECKS:
            check(reward)
