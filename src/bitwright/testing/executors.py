"""The contract of an executor as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_executor(check):
        check(lambda recipe, listener, limit_s: MyExecutor(recipe, listener, limit_s=limit_s))

Each check raises AssertionError with the law that was broken.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bitwright.errors import BitwrightError, InfeasibleError, StoreError
from bitwright.execute.base import Evaluator, Executor, Job, Listener
from bitwright.execute.place import Place
from bitwright.records import Genome, Outcome

Recipe = Callable[[], Evaluator]
Factory = Callable[[Recipe, Listener, float | None], Executor]
STEP_S = 0.01


class Scripted(Evaluator):
    """Does what the job's genome says under "do"; the class itself is the recipe.

    `return` at once, `steps`: some training steps, `endless`: steps without end, `raise` what no
    trial is to blame for, `exit`: end the process, `hang`: for a long time without a step, `wait`:
    writes its process id into the file "at" and takes steps until the file is gone.
    """

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """A complete outcome, if the script comes to its end in time."""
        script = job.genome.as_dict()
        try:
            self._act(str(script["do"]), Path(str(script.get("at", ""))), place)
        except InfeasibleError as error:
            return self._outcome(job, "infeasible", str(error))
        return self._outcome(job, "complete", None)

    def _act(self, what: str, at: Path, place: Place) -> None:
        match what:
            case "steps":
                for step in range(1, 4):
                    place.between_steps()
                    place.progress(step, 3, 1 / step)
            case "endless":
                while True:
                    place.between_steps()
                    time.sleep(STEP_S)
            case "raise":
                raise StoreError("the disk is full")
            case "exit":
                os._exit(3)
            case "hang":
                time.sleep(600)
            case "wait":
                partial = at.with_suffix(".partial")
                partial.write_text(str(os.getpid()))
                partial.replace(at)
                while at.exists():
                    place.between_steps()
                    time.sleep(STEP_S)

    def _outcome(self, job: Job, state: Any, reason: str | None) -> Outcome:
        return job.outcome(state, float(job.number), reason=reason)


class Hearing:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.steps: list[tuple[int, int, int, float]] = []
        self.lost: list[tuple[int, str]] = []

    def trial_started(self, job: Job) -> None:
        """Remembers the number."""
        self.started.append(job.number)

    def trial_progress(self, job: Job, done: int, total: int, loss: float) -> None:
        """Remembers the step."""
        self.steps.append((job.number, done, total, loss))

    def trial_lost(self, job: Job, reason: str) -> None:
        """Remembers the loss."""
        self.lost.append((job.number, reason))


def scripted(number: int, what: str, at: Path | None = None) -> Job:
    """A job for `Scripted`."""
    picks: tuple[tuple[str, str], ...] = (("do", what),)
    if at is not None:
        picks = (*picks, ("at", str(at)))
    return Job(number, number // 2, Genome("scripts", picks), seed=100 + number)


def until_file(path: Path, patience_s: float = 60.0) -> int:
    """Waits for a `wait` script to have begun; its process id."""
    deadline = time.monotonic() + patience_s
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written: the job has not begun"
        time.sleep(STEP_S)
    return int(path.read_text())


def kill(process_id: int) -> None:
    """As the system does when memory runs out."""
    os.kill(process_id, signal.SIGKILL)


def every_job_comes_back_as_itself(make: Factory) -> None:
    """Each job gives one outcome, of its own number, iteration, genome and seed."""
    jobs = [scripted(number, "return") for number in range(5)]
    with make(Scripted, Hearing(), None) as executor:
        found = {outcome.number: outcome for outcome in _submitted(executor, jobs)}
    assert sorted(found) == list(range(5)), f"outcomes of {sorted(found)}"
    for job in jobs:
        outcome = found[job.number]
        assert (outcome.iteration, outcome.genome, outcome.seed) == (
            job.iteration,
            job.genome,
            job.seed,
        ), "an outcome is another job's"
        assert (outcome.state, outcome.lost) == ("complete", 0)


def nothing_submitted_nothing_comes(make: Factory) -> None:
    """Waiting for nothing gives None at once, before, between and after jobs."""
    with make(Scripted, Hearing(), None) as executor:
        assert executor.wait() is None
        assert len(_submitted(executor, [scripted(0, "return")])) == 1
        assert executor.wait() is None
        assert len(_submitted(executor, [scripted(1, "return")])) == 1


def jobs_begin_in_order_and_are_heard_of(make: Factory) -> None:
    """The listener hears of each job's start, in order, and then of its steps."""
    hearing = Hearing()
    with make(Scripted, hearing, None) as executor:
        _submitted(executor, [scripted(number, "steps") for number in (3, 1, 2)])
    assert hearing.started == [3, 1, 2]
    assert sorted(hearing.steps) == [
        (number, step, 3, 1 / step) for number in (1, 2, 3) for step in (1, 2, 3)
    ]
    assert hearing.lost == []


def what_is_held_back_does_not_begin(make: Factory) -> None:
    """After `hold` nothing begins, whatever is queued or submitted."""
    hearing = Hearing()
    with make(Scripted, hearing, None) as executor:
        executor.submit(scripted(0, "return"))
        executor.hold()
        executor.submit(scripted(1, "return"))
        assert executor.wait() is None
    assert hearing.started == []


def trouble_is_raised(make: Factory) -> None:
    """What leaves an evaluator is raised where the outcome is waited for."""
    with make(Scripted, Hearing(), None) as executor:
        executor.submit(scripted(0, "raise"))
        try:
            executor.wait()
        except BitwrightError as error:
            assert isinstance(error, StoreError), f"it came back as {error!r}"
            assert str(error) == "the disk is full"
        else:
            raise AssertionError("nothing was raised")


def time_is_limited(make: Factory) -> None:
    """A trial ends at its limit, with the reason; the next one has its own time."""
    with make(Scripted, Hearing(), 0.05) as executor:
        first, second = _submitted(executor, [scripted(0, "endless"), scripted(1, "endless")])
    for outcome in (first, second):
        assert outcome.state == "infeasible"
        assert outcome.reason is not None and "search.trial_minutes" in outcome.reason


CHECKS: tuple[Callable[[Factory], None], ...] = (
    every_job_comes_back_as_itself,
    nothing_submitted_nothing_comes,
    jobs_begin_in_order_and_are_heard_of,
    what_is_held_back_does_not_begin,
    trouble_is_raised,
    time_is_limited,
)


def _submitted(executor: Executor, jobs: Iterable[Job]) -> list[Outcome]:
    """The outcomes of the jobs, as they come."""
    for job in jobs:
        executor.submit(job)
    found = []
    while (outcome := executor.wait()) is not None:
        found.append(outcome)
    return found
