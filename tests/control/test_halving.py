"""Who goes on: the best in eta of a rung, the highest rung first, decided by what was learned."""

import dataclasses
from collections.abc import Sequence

import pytest

from bitwright.control.base import make
from bitwright.control.halving import Halving, Rungs
from bitwright.records import Genome, Measurement, Outcome, State
from bitwright.testing.toy_space import ToySpace

NEW = 1 / 9


def by_reward(outcomes: Sequence[Outcome], _: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: -outcome.reward)


def halving(*, eta: int = 3, count: int = 3, lookahead: int = 0, window: int = 256) -> Halving:
    rungs = Rungs(eta, count)
    return Halving(rungs, by_reward, batch=3, lookahead=lookahead, window=window)


def trial(number: int, reward: float, fidelity: float = NEW, state: State = "complete") -> Outcome:
    genome = Genome("s", (("a", number),))
    return Outcome(number, number // 3, genome, state, reward, fidelity=fidelity)


def carried_out(course: Halving, rewards: Sequence[float], first: int = 0) -> list[Outcome]:
    """An iteration of it, whose trials get these rewards."""
    numbers = range(first, first + len(rewards))
    return [
        trial(number, reward, course.stretch(number).fidelity)
        for number, reward in zip(numbers, rewards, strict=True)
    ]


def plan(course: Halving, numbers: range) -> list[tuple[float, int | None]]:
    """What the trials of these numbers do: up to where, and going on from which."""
    stretches = [course.stretch(number) for number in numbers]
    return [(one.fidelity, one.goes_on.number if one.goes_on else None) for one in stretches]


def test_rungs_rise_by_eta_to_the_whole_budget() -> None:
    assert Rungs(3, 3).fidelities == pytest.approx((1 / 9, 1 / 3, 1))
    assert Rungs(2, 4).fidelities == (0.125, 0.25, 0.5, 1.0)
    assert Rungs(3, 3).fidelities[-1] == 1.0, "the last rung is the whole budget exactly"
    assert sum(Rungs(3, 3).expected(26)) == pytest.approx(26)
    assert Rungs(3, 3).expected(26) == pytest.approx((18, 6, 2))


def test_the_best_in_eta_goes_on_and_new_ones_fill_the_iteration() -> None:
    course = halving()
    assert plan(course, range(3)) == [(NEW, None)] * 3
    course.learn(carried_out(course, [0.2, 0.9, 0.1]))
    assert plan(course, range(3, 6)) == [(1 / 3, 1), (NEW, None), (NEW, None)]


def test_nobody_goes_on_twice_and_the_next_best_does_as_the_rung_fills() -> None:
    course = halving()
    course.learn(carried_out(course, [0.2, 0.9, 0.1]))
    course.learn(carried_out(course, [0.9, 0.3, 0.1], 3))
    assert plan(course, range(6, 9)) == [(NEW, None)] * 3, "5 at the bottom: one in three is one"
    course.learn(carried_out(course, [0.0, 0.1, 0.2], 6))
    assert plan(course, range(9, 12)) == [(1 / 3, 4), (NEW, None), (NEW, None)]


def test_the_highest_rung_that_has_one_to_promote_comes_first() -> None:
    course = halving()
    middle = [trial(number, 0.5 + number / 10, 1 / 3) for number in range(3)]
    course.learn(middle)
    course.learn([trial(number, number / 10) for number in range(3, 6)])
    assert plan(course, range(3, 6)) == [(1.0, 2), (NEW, None), (NEW, None)]
    assert plan(course, range(6, 9)) == [(1 / 3, 5), (NEW, None), (NEW, None)]


def test_several_of_one_iteration_may_go_on() -> None:
    course = halving()
    course.learn([trial(number, number / 10) for number in range(9)])
    assert plan(course, range(9, 12)) == [(1 / 3, 8), (1 / 3, 7), (1 / 3, 6)]


def test_what_has_had_the_whole_budget_goes_nowhere() -> None:
    course = halving()
    course.learn([trial(number, 1.0, fidelity=1.0) for number in range(9)])
    assert plan(course, range(9, 12)) == [(NEW, None)] * 3


@pytest.mark.parametrize("state", ["infeasible", "failed"])
def test_only_complete_candidates_go_on_or_make_room_for_others(state: State) -> None:
    course = halving()
    course.learn([trial(0, 0.9, state=state), trial(1, 0.5), trial(2, 0.4)])
    assert plan(course, range(3, 6)) == [(NEW, None)] * 3
    course.learn([trial(3, 0.1)])
    assert plan(course, range(4, 7))[0] == (1 / 3, 1)


def test_with_a_lookahead_it_is_the_iteration_after_those_on_their_way() -> None:
    course = halving(lookahead=2)
    course.learn(carried_out(course, [0.2, 0.9, 0.1]))
    assert plan(course, range(3, 9)) == [(NEW, None)] * 6
    assert plan(course, range(9, 12)) == [(1 / 3, 1), (NEW, None), (NEW, None)]


def test_what_is_older_than_the_window_goes_on_no_more() -> None:
    def after_nine(window: int) -> tuple[float, int | None]:
        course = halving(window=window)
        course.learn([trial(0, 0.9), trial(1, 0.8), trial(2, 0.7)])
        course.learn([trial(3, 0.9, 1 / 3), trial(4, 0.2), trial(5, 0.1)])
        course.learn([trial(6, 0.2), trial(7, 0.3), trial(8, 0.1)])
        return plan(course, range(9, 12))[0]

    assert after_nine(window=256) == (1 / 3, 1)
    assert after_nine(window=6) == (1 / 3, 7)


def test_learning_the_outcomes_again_gives_the_same_trials() -> None:
    one, two = halving(lookahead=1), halving(lookahead=1)
    iterations = []
    for at in range(12):
        rewards = [(7 * number) % 10 / 10 for number in range(3 * at, 3 * at + 3)]
        iterations.append(carried_out(one, rewards, 3 * at))
        one.learn(iterations[-1])
    for iteration in iterations:
        two.learn(iteration)
    assert plan(one, range(60)) == plan(two, range(60))
    assert {part for part, _ in plan(one, range(42))} == set(Rungs(3, 3).fidelities)


def test_newcomers_that_are_better_make_no_more_of_them_go_on() -> None:
    course = halving(eta=3)
    for at in range(8):
        course.learn(carried_out(course, [at + 0.1, at + 0.2, at + 0.3], 3 * at))
    begun = [at for at in range(24) if course.stretch(at).goes_on is None]
    first = [at for at in range(24) if course.stretch(at).fidelity == pytest.approx(1 / 3)]
    assert len(first) <= len(begun) / 3


def measured(number: int, accuracy: float, size: float) -> Outcome:
    metrics = (("accuracy", Measurement(accuracy)), ("packed_bytes", Measurement(size)))
    return dataclasses.replace(trial(number, accuracy), metrics=metrics)


def test_with_several_goals_those_go_on_that_are_ahead_of_what_did() -> None:
    """The one beside it in size would be no more than it is; the large one would add to it."""
    stage = [measured(0, 0.6, 1000), measured(1, 0.595, 990), measured(2, 0.7, 5000)]
    stage.append(measured(3, 0.65, 5100))
    gone = dataclasses.replace(measured(4, 0.8, 1000), fidelity=1.0, goes_on=0)
    ranked = make("nsga", ToySpace(), {}, seed=0).ranked
    assert [outcome.number for outcome in ranked(stage, [gone])] == [2, 3, 1, 0]
    whole = dataclasses.replace(measured(5, 0.95, 4000), fidelity=1.0)
    assert ranked(stage, [gone, whole])[0].number == 1, "what was trained at once counts too"


def test_with_several_goals_those_that_no_other_beats_go_on() -> None:
    """By the reward alone, which counts no bytes, the small one would stay behind."""
    controller = make("nsga", ToySpace(), {}, seed=0)
    outcomes = [measured(0, 0.8, 900), measured(1, 0.9, 1000), measured(2, 0.5, 100)]
    outcomes += [measured(3, 0.7, 950), measured(4, 0.6, 990), measured(5, 0.4, 800)]
    course = Halving(Rungs(2, 2), controller.ranked, batch=3, lookahead=0, window=256)
    course.learn([dataclasses.replace(outcome, fidelity=0.5) for outcome in outcomes])
    went_on = {number for _, number in plan(course, range(6, 9))}
    assert went_on == {0, 1, 2}
    best = make("evolution", ToySpace(), {}, seed=0).ranked(outcomes)
    assert [outcome.number for outcome in best[:3]] == [1, 0, 3]
