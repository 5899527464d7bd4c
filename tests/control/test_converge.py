import dataclasses

import pytest

from bitwright.control.converge import (
    converged,
    iteration_rewards,
    relative_change,
    stopped_by,
    winner,
)
from bitwright.errors import InfeasibleError
from bitwright.records import Genome, Outcome


def _outcome(number, iteration, reward, state="complete"):
    return Outcome(number, iteration, Genome("s", (("n", number),)), state, reward)


def test_an_iteration_counts_its_best():
    outcomes = [_outcome(2, 1, 0.1), _outcome(0, 0, 0.5), _outcome(1, 0, -1, "failed")]
    assert iteration_rewards(outcomes) == (0.5, 0.1)


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [
        ([0.5, 0.9, 0.9, 0.9], True),
        ([0.9, 0.9], False),  # the window is not full
        ([0.9, 0.905, 0.9], True),  # 0.55 %
        ([0.9, 0.9, 0.85], False),
        ([0.90, 0.908, 0.916], False),  # every step under 1 %, together 1.7 %
        ([-1.0, -1.0, -1.0], True),
        ([-0.01, 0.0, 0.01], False),
        ([0.0, 0.0, 0.0], True),
    ],
)
def test_convergence_over_three_iterations_at_one_percent(rewards, expected):
    assert converged(rewards, window=3, threshold=0.01) is expected


def test_change_does_not_depend_on_the_rewards_unit():
    rewards = [0.8, 0.9, 1.0]
    assert relative_change(rewards) == pytest.approx(
        relative_change([1000 * reward for reward in rewards])
    )


def test_the_limit_ends_what_does_not_converge():
    rewards = [0.1, 0.2, 0.3, 0.4]
    assert stopped_by(rewards[:3], iterations=4, window=2, threshold=0.01) is None
    assert stopped_by(rewards, iterations=4, window=2, threshold=0.01) == "iterations"


def test_convergence_is_named_first_and_can_be_off():
    rewards = [0.4, 0.4, 0.4]
    assert stopped_by(rewards, iterations=3, window=3, threshold=0.01) == "converged"
    assert stopped_by(rewards, iterations=9, window=3, threshold=0.01) == "converged"
    assert stopped_by(rewards, iterations=9) is None
    assert stopped_by(rewards, iterations=3) == "iterations"


def test_no_iteration_ends_nothing():
    assert stopped_by([], iterations=1, window=2, threshold=0.1) is None


OUTCOMES = [
    _outcome(0, 0, 0.7),
    _outcome(1, 0, 0.9),
    _outcome(2, 1, 0.9),
    _outcome(3, 1, -0.1, "infeasible"),
    _outcome(4, 2, 0.6),
    _outcome(5, 2, 0.8),
]


def test_best_is_the_highest_and_earliest():
    assert winner(OUTCOMES, "best").number == 1
    assert winner(OUTCOMES[::-1], "best").number == 1


def test_last_is_the_best_of_the_iteration_that_ended_it():
    assert winner(OUTCOMES, "last").number == 5


def test_last_looks_back_when_the_final_iteration_gave_nothing():
    broken = [*OUTCOMES, _outcome(6, 3, -1, "failed")]
    assert winner(broken, "last").number == 5


def test_an_infeasible_candidate_never_wins():
    # A linear reward may be far below the mildest penalty; only complete candidates count all the
    # same.
    assert winner([_outcome(0, 0, -5.0), _outcome(1, 0, -0.1, "infeasible")]).number == 0


def test_no_complete_candidate_is_said_so():
    broken = [
        dataclasses.replace(_outcome(0, 0, -1.0, "failed"), reason="a fault"),
        dataclasses.replace(_outcome(1, 0, -0.1, "infeasible"), reason="macs 11 is over 10"),
    ]
    with pytest.raises(InfeasibleError, match=r"none of 2 candidates.*trial 1: macs 11 is over 10"):
        winner(broken)
    with pytest.raises(InfeasibleError, match="none of 0 candidates is complete"):
        winner([])
