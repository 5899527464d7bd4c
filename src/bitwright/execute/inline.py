"""Evaluations one after the other in this very process: nothing else of the study runs then."""

from collections import deque
from collections.abc import Iterator

from bitwright.execute.base import Evaluator, Executor, Job
from bitwright.records import Outcome


class InlineExecutor(Executor):
    """Works when asked: each step of `completions` evaluates the next job."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Queues the job."""
        self._jobs.append(job)

    def completions(self) -> Iterator[Outcome]:
        """Evaluates what is queued, in order."""
        while self._jobs:
            yield self._evaluator.evaluate(self._jobs.popleft())
