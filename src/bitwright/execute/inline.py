"""Evaluations one after the other in this very process: nothing else of the study runs then."""

from collections import deque

from bitwright.execute.base import Evaluator, Executor, Job, Listener
from bitwright.execute.memory import give_back
from bitwright.execute.place import Place
from bitwright.records import Outcome


class InlineExecutor(Executor):
    """Works when an outcome is waited for. `limit_s` is what one trial may take, in seconds."""

    def __init__(
        self, evaluator: Evaluator, listener: Listener, *, limit_s: float | None = None
    ) -> None:
        self._evaluator = evaluator
        self._listener = listener
        self._limit_s = limit_s
        self._jobs: deque[Job] = deque()
        self._held = False

    def submit(self, job: Job) -> None:
        """Queues the job."""
        self._jobs.append(job)

    def wait(self) -> Outcome | None:
        """Evaluates the next job."""
        if self._held or not self._jobs:
            return None
        job = self._jobs.popleft()
        self._listener.trial_started(job)

        def hear(done: int, total: int, loss: float) -> None:
            self._listener.trial_progress(job, done, total, loss)

        try:
            return self._evaluator.evaluate(job, Place(hear, limit_s=self._limit_s))
        finally:
            give_back()

    def hold(self) -> None:
        """What is queued stays undone."""
        self._held = True

    def close(self) -> None:
        """Nothing runs between two calls."""
