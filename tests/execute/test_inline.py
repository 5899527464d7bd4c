"""The executor that works in this very process."""

from bitwright.execute.base import Evaluator, Job
from bitwright.execute.inline import InlineExecutor
from bitwright.records import Genome, Outcome


class Noting(Evaluator):
    """Notes what it was asked to evaluate."""

    def __init__(self) -> None:
        self.evaluated: list[int] = []

    def evaluate(self, job: Job) -> Outcome:
        self.evaluated.append(job.number)
        return Outcome(job.number, job.iteration, job.genome, "complete", 0.5, seed=job.seed)


def job(number: int) -> Job:
    return Job(number, 0, Genome("space"), seed=10 * number)


def test_jobs_are_evaluated_in_order_each_when_it_is_asked_for() -> None:
    evaluator = Noting()
    executor = InlineExecutor(evaluator)
    for number in (3, 1, 2):
        executor.submit(job(number))
    assert evaluator.evaluated == []
    completions = executor.completions()
    assert next(completions).number == 3
    assert evaluator.evaluated == [3], "the next job waits until its outcome is wanted"
    assert [(outcome.number, outcome.seed) for outcome in completions] == [(1, 10), (2, 20)]


def test_nothing_submitted_completes_nothing() -> None:
    executor = InlineExecutor(Noting())
    assert list(executor.completions()) == []
    executor.submit(job(0))
    assert len(list(executor.completions())) == 1
    assert list(executor.completions()) == []
