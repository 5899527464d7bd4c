"""What a terminal shows of a study: live while it runs, tables when it ends."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from bitwright.control.converge import winner
from bitwright.execute.base import Job
from bitwright.records import Outcome
from bitwright.report import tables, wording
from bitwright.report.selection import Selection
from bitwright.study.folder import Folder
from bitwright.study.view import SensitivityRow, StoppedBy, StudyView
from bitwright.study.watch import Plan, Watcher

ROWS = 6  # candidates in the live table
PHASES = {
    "data": "loading data",
    "teacher": "preparing the teacher",
    "supernet": "training the supernet",
    "timing": "timing a few steps",
    "sensitivity": "measuring sensitivity",
    "retarget": "measuring the trials of another study",
    "search": "searching",
    "final": "training the winner",
    "finalist": "training to the end",
    "baseline": "training the baseline",
    "report": "writing the report",
}


class TerminalWatcher(Watcher):
    """Shows nothing by itself; what a log of the study would say goes to `say`."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.outcomes: list[Outcome] = []
        self.plan: Plan | None = None
        self.best: Outcome | None = None  # the best complete trial so far

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """While the study runs."""
        yield

    def planned(self, plan: Plan, done: tuple[Outcome, ...]) -> None:
        """Remembers what lies ahead."""
        self.plan = plan
        self.outcomes = list(done)
        for outcome in done:
            self._look_at(outcome)

    def trial_done(self, outcome: Outcome) -> None:
        """Remembers the outcome."""
        self.outcomes.append(outcome)
        self._look_at(outcome)

    def left_out(self, lines: tuple[str, ...]) -> None:
        """What the target does not run."""
        for line in lines:
            self._say(f"left out: {line}")

    def taken_over(self, lines: tuple[str, ...]) -> None:
        """What another study has given."""
        for line in lines:
            self._say(line)

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False)

    def _look_at(self, outcome: Outcome) -> None:
        if outcome.state == "complete":
            rivals = [outcome] if self.best is None else [self.best, outcome]
            self.best = winner(rivals)


class PlainWatcher(TerminalWatcher):
    """One line for each event: for logs and pipes."""

    def phase(self, name: str, detail: str = "") -> None:
        """A part begins; of the data nothing is said, so that an error in it stands alone."""
        if name != "data":
            self._say(f"{PHASES.get(name, name)} {detail}".strip())

    def planned(self, plan: Plan, done: tuple[Outcome, ...]) -> None:
        """The size of the space, and where the study goes on."""
        super().planned(plan, done)
        self._say(f"{plan.networks:,} networks in the space; {len(done)} trials are recorded")

    def sensitivity(self, rows: tuple[SensitivityRow, ...], removed: tuple[str, ...]) -> None:
        """What the filter took out."""
        for line in removed:
            self._say(f"removed: {line}")

    def trial_done(self, outcome: Outcome) -> None:
        """The trial in one line."""
        super().trial_done(outcome)
        best = self.best
        self._say(
            f"trial {outcome.number}: {outcome.state}, reward {outcome.reward:.4f}"
            + (f" ({wording.stage(outcome)})" if wording.staged([outcome]) else "")
            + (f", best {best.reward:.4f}" if best else "")
            + (f" ({outcome.reason})" if outcome.reason else "")
        )

    def trial_lost(self, job: Job, reason: str) -> None:
        """What became of the worker."""
        self._say(lost_words(job, reason))

    def search_done(self, stopped_by: StoppedBy) -> None:
        """What ended the loop."""
        self._say(f"the search has ended: {stopped_by}")

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def lost_words(job: Job, reason: str) -> str:
    """A lost trial in one line."""
    return f"trial {job.number}: its worker {reason}; a trial is run again once"


class _TimeLeft(ProgressColumn):
    """Minutes and seconds left: the task's own estimate, or the one it carries as `left`."""

    def render(self, task: Task) -> Text:
        """Such as "1:05"."""
        seconds = task.fields.get("left", task.time_remaining)
        if seconds is None or task.finished:
            return Text("--:--", style="progress.remaining")
        minutes, rest = divmod(round(seconds), 60)
        return Text(f"{minutes}:{rest:02}", style="progress.remaining")


class LiveWatcher(TerminalWatcher):
    """A bar with the time left, the reward so far, and the last candidates."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console)
        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(None),
            TextColumn("{task.fields[note]}"),
            _TimeLeft(),
        )
        self._bars = Progress(*columns, console=console, expand=True)
        self._whole = self._bars.add_task("search", total=None, note="", visible=False)
        self._part = self._bars.add_task("starting", total=None, note="")
        self._candidates: dict[int, TaskID] = {}  # a bar for each candidate at work
        self._clock = clock
        self._before, self._began = 0, 0.0  # trials of earlier runs; when this run's search began

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draws four times a second while the study runs."""
        with Live(
            get_renderable=self._render, console=self.console, refresh_per_second=4, transient=True
        ):
            yield

    def phase(self, name: str, detail: str = "") -> None:
        """The lower bar starts over; the upper one stands while there are trials to come."""
        for bar in (self._part, *self._candidates.values()):
            self._bars.remove_task(bar)
        self._candidates.clear()
        description = f"{PHASES.get(name, name)} {detail}".strip()
        self._part = self._bars.add_task(description, total=None, note="")
        self._bars.update(self._whole, visible=name == "search")

    def planned(self, plan: Plan, done: tuple[Outcome, ...]) -> None:
        """The upper bar counts trials."""
        super().planned(plan, done)
        self._before, self._began = len(done), self._clock()
        self._count()

    def sensitivity(self, rows: tuple[SensitivityRow, ...], removed: tuple[str, ...]) -> None:
        """Shown once, above the bars."""
        for line in removed:
            self._say(f"removed from the space: {line}")

    def trial_started(self, job: Job) -> None:
        """A bar of its own follows the candidate's training."""
        self._remove(job.number)
        self._bars.update(self._part, visible=False)
        name = f"candidate {job.number}"
        if job.goes_on is not None:
            name += f" (of {job.goes_on})"
        self._candidates[job.number] = self._bars.add_task(name, total=None, note="")

    def trial_progress(self, job: Job, done: int, total: int, loss: float) -> None:
        """The candidate's bar moves."""
        bar = self._candidates[job.number]
        self._bars.update(bar, completed=done, total=total, note=f"loss {loss:.3f}")

    def trial_lost(self, job: Job, reason: str) -> None:
        """Said once, above the bars."""
        self.console.print(lost_words(job, reason), markup=False, highlight=False)

    def progress(self, done: int, total: int, loss: float) -> None:
        """The lower bar moves."""
        note = f"loss {loss:.3f}" if loss else f"{done}/{total}"
        self._bars.update(self._part, completed=done, total=total, note=note)

    def trial_done(self, outcome: Outcome) -> None:
        """The upper bar moves, the candidate's own is not needed any more."""
        super().trial_done(outcome)
        self._remove(outcome.number)
        self._count()

    def _remove(self, number: int) -> None:
        bar = self._candidates.pop(number, None)
        if bar is not None:
            self._bars.remove_task(bar)

    def _count(self) -> None:
        if self.plan is None:
            return
        done, total = len(self.outcomes), self.plan.iterations * self.plan.batch
        note = f"{done} of {total}"
        self._bars.update(
            self._whole, completed=done, total=total, note=note, left=self._seconds_left()
        )

    def _seconds_left(self) -> float | None:
        """Trials to come at this run's pace, or what the time limit leaves of them."""
        fresh = len(self.outcomes) - self._before
        if self.plan is None or not fresh:
            return None
        to_come = self.plan.iterations * self.plan.batch - len(self.outcomes)
        left = to_come * (self._clock() - self._began) / fresh
        if self.plan.minutes is None:
            return left
        spent = sum(seconds for outcome in self.outcomes for _, seconds in outcome.seconds)
        return max(0.0, min(left, 60 * self.plan.minutes - spent / self.plan.workers))

    def _render(self) -> RenderableType:
        if not self.outcomes:
            return self._bars
        best = self.best
        last = self.outcomes[-1]
        line = f"iteration {last.iteration}   reward {last.reward:.4f}"
        if best is not None:
            line += f"   best {best.reward:.4f} (trial {best.number}, {_accuracy(best)})"
        table = tables.trials(
            self.outcomes[-ROWS:], best=best.number if best else None, title="Last candidates"
        )
        return Group(table, Text(line), self._bars)


def _accuracy(outcome: Outcome) -> str:
    value = outcome.metric("accuracy")
    return "?" if value is None else f"{100 * value:.2f} % held out"


def watcher(*, quiet: bool) -> TerminalWatcher:
    """The watcher that fits: none, live on a terminal, lines elsewhere. None writes to stdout."""
    console = Console(stderr=True)
    if quiet:
        return TerminalWatcher(console)
    return LiveWatcher(console) if sys.stderr.isatty() else PlainWatcher(console)


def closing(view: StudyView, folder: Folder) -> None:
    """The table at the end, and where everything lies."""
    console = Console()
    console.print(f"{view.study}: {wording.ending(view)}; {wording.tally(view.outcomes)}")
    for line in view.taken_over:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if view.teacher:
        console.print(wording.teacher(view.teacher), markup=False, highlight=False, soft_wrap=True)
    if view.final or view.best:
        console.print(tables.comparison(view))
    if view.finalists:
        console.print(tables.finalists(view))
    if view.final:
        console.print(tables.units(view.final))
        if view.final.proof:
            console.print(tables.proof(view.final))
    paths = {"model": folder.model, "report": folder.report, "study": folder.database}
    for name, path in paths.items():
        if path.exists():
            console.print(f"{name:<8}{path}", soft_wrap=True, highlight=False)


def overview(view: StudyView, folder: Folder, listed: Sequence[Outcome]) -> None:
    """What `bitwright show` prints: everything, and of the trials those that are listed."""
    console = Console()
    if view.sensitivity:
        console.print(tables.sensitivity(view.sensitivity, view.removed))
    if view.at_work:
        console.print(f"Candidates at work: {', '.join(map(str, view.at_work))}", highlight=False)
    if listed:
        best = view.best.trial if view.best else None
        console.print(tables.trials(listed, best=best, title="Latest trials"))
    closing(view, folder)


def selected(view: StudyView, selection: Selection) -> None:
    """What `bitwright show` prints of a study when a filter is set: the trials that it leaves."""
    console = Console()
    found = selection.of(view)
    best = view.best.trial if view.best else None
    if found:
        console.print(
            tables.trials(found, best=best, title="Selected trials", also=selection.names())
        )
    console.print(f"{view.study}: {len(found)} of {wording.tally(view.outcomes)}")
