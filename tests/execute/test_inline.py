"""The executor that works in this very process."""

import pytest

from bitwright.execute.inline import InlineExecutor
from bitwright.study.watch import Watcher
from bitwright.testing.executors import CHECKS, Hearing, Scripted, scripted


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contract(check):
    check(lambda recipe, listener, limit_s: InlineExecutor(recipe(), listener, limit_s=limit_s))


def test_a_job_waits_until_its_outcome_is_wanted():
    hearing = Hearing()
    executor = InlineExecutor(Scripted(), hearing)
    for number in (3, 1, 2):
        executor.submit(scripted(number, "return"))
    assert hearing.started == []
    first = executor.wait()
    assert first is not None and first.number == 3
    assert hearing.started == [3]


def test_a_watcher_of_one_training_at_a_time_hears_of_a_candidates_steps():
    class Steps(Watcher):
        seen = ()

        def progress(self, done, total, loss):
            self.seen = (*self.seen, (done, total))

    watcher = Steps()
    executor = InlineExecutor(Scripted(), watcher)
    executor.submit(scripted(0, "steps"))
    executor.wait()
    assert watcher.seen == ((1, 3), (2, 3), (3, 3))
