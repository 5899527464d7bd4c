"""Every evaluator keeps the contract that is published for users' own; broken ones do not."""

import dataclasses

import numpy as np
import pytest

from bitwright.execute.base import EVALUATORS, Evaluator
from bitwright.execute.place import Place
from bitwright.testing.evaluators import CHECKS
from bitwright.train.candidate import ScratchEvaluator

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", EVALUATORS)
def test_every_evaluator_keeps_it(name, check, tmp_path):
    check(EVALUATORS.get(name), tmp_path)


class Around(Evaluator):
    """Changes what another evaluator finds."""

    def __init__(self, bench):
        self.inner = ScratchEvaluator(bench)

    def evaluate(self, job, place):
        return self.inner.evaluate(job, place)


class Moody(Around):
    def evaluate(self, job, place):
        return super().evaluate(dataclasses.replace(job, seed=np.random.randint(1 << 30)), place)


class Noisy(Around):
    def evaluate(self, job, place):
        outcome = super().evaluate(job, place)
        return dataclasses.replace(outcome, reward=outcome.reward + np.random.rand())


class Generous(Around):
    def evaluate(self, job, place):
        return dataclasses.replace(super().evaluate(job, place), reward=1.0)


class Hurried(Around):
    def evaluate(self, job, place):
        return super().evaluate(job, Place())


class Fragile(Around):
    def evaluate(self, job, place):
        outcome = super().evaluate(job, place)
        if outcome.traceback is not None:
            return dataclasses.replace(outcome, traceback=None)
        return outcome


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Moody, "the job's seed is 11"),
        (Noisy, "one seed gave two outcomes"),
        (Generous, "a failure is worth 1.0"),
        (Hurried, "a candidate without time is complete"),
        (Fragile, "a failure says why"),
    ],
)
def test_an_evaluator_that_breaks_it_is_told(kind, said, tmp_path):
    with pytest.raises(AssertionError, match=said):
        for number, check in enumerate(CHECKS):
            folder = tmp_path / str(number)
            folder.mkdir()
            check(kind, folder)
