"""What a study tells whoever watches it: the terminal's live view, a log, a test."""

import dataclasses

from bitwright.execute.base import Job
from bitwright.records import Outcome
from bitwright.study.view import SensitivityRow, StoppedBy


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What lies before a study: known before it starts, to estimate the time left."""

    name: str
    iterations: int
    batch: int
    minutes: float | None
    structures: int
    networks: int
    workers: int = 1


class Watcher:
    """Hears of everything and does nothing: override what you care about."""

    def planned(self, plan: Plan, done: tuple[Outcome, ...]) -> None:
        """The study is about to start, or to go on after `done`."""

    def phase(self, name: str, detail: str = "") -> None:
        """A part begins.

        One of "data", "teacher", "sensitivity", "supernet", "retarget", "search", "final" (or
        "finalist", for each of several), "baseline" and "report".
        """

    def left_out(self, lines: tuple[str, ...]) -> None:
        """The target has no layers for these parts of the space, or for the baseline."""

    def taken_over(self, lines: tuple[str, ...]) -> None:
        """The study begins with trials of another one: how many, and why not with the others."""

    def sensitivity(self, rows: tuple[SensitivityRow, ...], removed: tuple[str, ...]) -> None:
        """Sensitivity is known and the space narrowed."""

    def trial_started(self, job: Job) -> None:
        """A candidate is being built; once more after it was lost."""

    def progress(self, done: int, total: int, loss: float) -> None:
        """The part of the study that runs is at step `done` of `total`."""

    def trial_progress(self, job: Job, done: int, total: int, loss: float) -> None:
        """A candidate's training is at step `done` of `total`; several may train at once."""
        self.progress(done, total, loss)

    def trial_lost(self, job: Job, reason: str) -> None:
        """A candidate's worker process has ended under it; `reason` says how."""

    def trial_done(self, outcome: Outcome) -> None:
        """A trial is recorded."""

    def search_done(self, stopped_by: StoppedBy) -> None:
        """The loop has ended."""
