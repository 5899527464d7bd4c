"""Evaluations in worker processes of this machine, each of which serves many jobs.

A worker that dies costs one evaluation: its job is run once more, by another worker; lost twice,
the trial has failed. A worker that sits on a job beyond its time is killed.
"""

import contextlib
import dataclasses
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from bitwright.control.reward import FAILED
from bitwright.errors import WorkerError
from bitwright.execute.base import Evaluator, Executor, Job, Listener
from bitwright.execute.place import out_of_time
from bitwright.execute.shared import Reducer, Shared, SharedFile
from bitwright.execute.worker import Done, Message, Ready, Step, Trouble, work
from bitwright.records import Outcome, State

MOST_LOSSES = 2  # of one trial; and of workers one after the other that die before they can begin
GRACE = 1.1  # times the limit, and
GRACE_S = 10.0  # seconds more: until a worker that does not end its trial itself is killed


class RemoteTraceback(Exception):
    """The traceback in the worker; the cause of what is raised here."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


@dataclasses.dataclass(slots=True, eq=False)
class _Worker:
    """A worker process from outside; `began` is when its job did, on the monotonic clock."""

    process: SpawnProcess
    connection: "Connection[Job, Message]"
    ready: bool = False
    job: Job | None = None
    began: float = 0.0

    def end(self) -> int:
        """Ends the process, if it still lives; returns its exit code, -N for signal N."""
        self.connection.close()
        self.process.join(timeout=5.0)  # one that is dying on its own tells why
        self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        return code


class ProcessExecutor(Executor):
    """Keeps up to `workers` processes, started when there are jobs for them.

    `recipe` makes the evaluator in each worker: a picklable callable. Its arrays are shared;
    `reducers` say how objects of other kinds than NumPy's are turned into arrays, as in `copyreg`.
    `limit_s` is what one trial may take, in seconds.
    """

    def __init__(
        self,
        recipe: Callable[[], Evaluator],
        listener: Listener,
        *,
        workers: int,
        limit_s: float | None = None,
        reducers: Mapping[type, Reducer] | None = None,
    ) -> None:
        self._recipe = Shared(recipe, reducers or {})
        self._gate = SharedFile()
        self._listener = listener
        self._most = workers
        self._limit_s = limit_s
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._finished: deque[Outcome] = deque()
        self._losses: dict[int, int] = {}
        self._false_starts = 0
        self._held = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers there are."""
        return tuple(worker.process.pid or 0 for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Queues the job; it begins while an outcome is waited for."""
        self._waiting.append(job)

    def wait(self) -> Outcome | None:
        """The first outcome that is there."""
        while not self._finished:
            self._hand_out()
            at_work = any(worker.job is not None for worker in self._workers)
            if not at_work and (self._held or not self._waiting):
                return None
            self._hear()
        return self._finished.popleft()

    def hold(self) -> None:
        """Jobs that are queued, or are lost from now on, stay undone."""
        self._held = True

    def close(self) -> None:
        """Kills the workers: whatever they are at will be done anew."""
        while self._workers:
            worker = self._workers.pop()
            worker.process.kill()
            worker.end()
        self._recipe.close()
        self._gate.close()

    def _hand_out(self) -> None:
        """Gives jobs to idle workers, and starts workers for those that are left."""
        if self._held:
            return
        for worker in self._workers:
            if self._waiting and worker.ready and worker.job is None:
                self._give(worker, self._waiting.popleft())
        starting = sum(not worker.ready for worker in self._workers)
        for _ in range(min(len(self._waiting) - starting, self._most - len(self._workers))):
            self._workers.append(self._started())

    def _started(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(
            target=work, args=(there, self._recipe, self._gate, self._limit_s), daemon=True
        )
        with _no_interrupt():
            process.start()
        there.close()  # so that the worker's end is heard here
        return _Worker(process, here)

    def _give(self, worker: _Worker, job: Job) -> None:
        worker.job, worker.began = job, time.monotonic()
        self._listener.trial_started(job)
        with contextlib.suppress(OSError):  # it has died: that is heard, and the job is lost
            worker.connection.send(job)

    def _hear(self) -> None:
        """Takes in what workers say; returns after the first of it, or to end one that hangs."""
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout=self._patience()):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._bury(worker)
            else:
                self._take(worker, message)
        for worker in [worker for worker in self._workers if self._time_left(worker) <= 0]:
            self._end_hung(worker)

    def _patience(self) -> float | None:
        if self._limit_s is None:
            return None
        return max(0.0, min(self._time_left(worker) for worker in self._workers))

    def _time_left(self, worker: _Worker) -> float:
        if worker.job is None or self._limit_s is None:
            return GRACE_S
        return worker.began + GRACE * self._limit_s + GRACE_S - time.monotonic()

    def _take(self, worker: _Worker, message: Message) -> None:
        match message:
            case Ready():
                worker.ready = True
                self._false_starts = 0
            case Step(done, total, loss) if worker.job is not None:
                self._listener.trial_progress(worker.job, done, total, loss)
            case Done(outcome):
                worker.job = None
                lost = self._losses.pop(outcome.number, 0)
                self._finished.append(dataclasses.replace(outcome, lost=lost))
            case Trouble(error, traceback):
                raise error from RemoteTraceback(traceback)

    def _bury(self, worker: _Worker) -> None:
        """A worker has died: its job goes back to the head of the queue, or has failed."""
        self._workers.remove(worker)
        code = worker.end()
        job, death = worker.job, _death(code)
        if not worker.ready:
            self._start_again(death)
        if job is None:
            return
        lost = self._losses[job.number] = self._losses.get(job.number, 0) + 1
        self._listener.trial_lost(job, death)
        if lost < MOST_LOSSES:
            self._waiting.appendleft(job)
        else:
            reason = f"its worker process {death}, for the second time"
            self._finished.append(self._given_up(worker, job, "failed", reason))

    def _start_again(self, death: str) -> None:
        """What killed one worker may spare the next; WorkerError if it does not."""
        self._false_starts += 1
        if self._false_starts == MOST_LOSSES:
            raise WorkerError(
                f"a worker process {death} before it could begin, and so did the one before it; "
                "look above for what they said. A program that runs a study with workers must do "
                "so under `if __name__ == '__main__':`"
            )

    def _end_hung(self, worker: _Worker) -> None:
        if worker.job is None or self._limit_s is None:
            return
        self._workers.remove(worker)
        worker.process.kill()
        worker.end()
        reason = f"{out_of_time(self._limit_s)}, and its worker process had to be killed"
        self._finished.append(self._given_up(worker, worker.job, "infeasible", reason))

    def _given_up(self, worker: _Worker, job: Job, state: State, reason: str) -> Outcome:
        return job.outcome(
            state,
            FAILED,
            reason=reason,
            seconds=(("lost", time.monotonic() - worker.began),),
            lost=self._losses.pop(job.number, 0),
        )


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        memory = " (out of memory?)" if name == "SIGKILL" else ""
        return f"was killed by {name}{memory}"
    return f"was killed by signal {-code}"


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """A process started inside the block never hears of Ctrl-C, not even while it begins."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
