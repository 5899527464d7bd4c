"""The rate over a training: one cosine, which a run that ends early leaves only near its end."""

import itertools

import pytest

from bitwright.config import TrainConfig
from bitwright.train.schedule import COOLDOWN, FREEZE_NORMS_AT, Schedule, steps_of

BUDGET = TrainConfig(epochs=9, warmup=0.1)


def rates(until: float) -> list[float]:
    schedule = Schedule.of(BUDGET, 10, until)
    return [schedule.rate(done) for done in range(schedule.total)]


def test_the_whole_budget_is_a_warm_up_and_a_cosine() -> None:
    whole = rates(1.0)
    assert len(whole) == 90
    assert whole[:9] == pytest.approx([(step + 1) / 9 for step in range(9)])
    assert whole[9] == 1.0
    assert whole[9 + 40] == pytest.approx(0.5, abs=0.01)
    assert whole[-1] < 0.001
    assert all(later <= earlier for earlier, later in itertools.pairwise(whole[9:]))


@pytest.mark.parametrize("until", [1 / 9, 1 / 3, 0.5])
def test_a_run_that_ends_early_is_the_whole_one_up_to_its_cool_down(until: float) -> None:
    early, whole = rates(until), rates(1.0)
    cools_at = Schedule.of(BUDGET, 10, until).cools_at
    assert len(early) == round(until * 90)
    assert cools_at == int((1 - COOLDOWN) * len(early))
    assert early[: cools_at + 1] == whole[: cools_at + 1]
    fall = [early[step] / whole[step] for step in range(cools_at, len(early))]
    assert all(later < earlier for earlier, later in itertools.pairwise(fall))
    assert 0 < fall[-1] < 0.4


def test_norms_freeze_after_what_a_longer_run_takes_over() -> None:
    for until in (0.01, 1 / 9, 1 / 3, 1.0):
        schedule = Schedule.of(BUDGET, 100, until)
        assert schedule.freezes_at == int(FREEZE_NORMS_AT * schedule.total)
        if until < 1:
            assert schedule.cools_at <= schedule.freezes_at, "what is kept is not frozen"
    assert Schedule.of(BUDGET, 100).cools_at == 900, "of the whole run nothing goes on"


def test_a_stage_has_a_step_however_short_the_budget() -> None:
    stage = Schedule.of(TrainConfig(epochs=1, steps=1), 10, 1 / 9)
    assert (stage.total, stage.cools_at) == (1, 0), "something to go on from there is"
    assert steps_of(TrainConfig(epochs=1, steps=2), 10) == 2
