"""Which candidates are at work now, for `bitwright show` in another program."""

from bitwright.execute.base import Job
from bitwright.records import Outcome
from bitwright.study.folder import Folder
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Watcher


class AtWork(Watcher):
    """Hears of trials in place of another watcher, tells it, and keeps the folder's list of them.

    A trial stands in the list until it is recorded; one that has ended early waits for those before
    it.
    """

    def __init__(self, inner: Watcher, folder: Folder) -> None:
        self._inner, self._folder = inner, folder
        self._numbers: dict[int, None] = {}

    def trial_started(self, job: Job) -> None:
        """One more."""
        self._inner.trial_started(job)
        self._numbers[job.number] = None
        self._folder.set_at_work(self._numbers)

    def trial_progress(self, job: Job, done: int, total: int, loss: float) -> None:
        """Passed on."""
        self._inner.trial_progress(job, done, total, loss)

    def trial_lost(self, job: Job, reason: str) -> None:
        """Passed on; it starts again, or is recorded as failed."""
        self._inner.trial_lost(job, reason)

    def trial_done(self, outcome: Outcome) -> None:
        """One less."""
        self._inner.trial_done(outcome)
        self._numbers.pop(outcome.number, None)
        self._folder.set_at_work(self._numbers)

    def search_done(self, stopped_by: StoppedBy) -> None:
        """None any more: those that were begun ahead of the end are given up."""
        self._numbers.clear()
        self._folder.set_at_work(self._numbers)
        self._inner.search_done(stopped_by)
