"""A worker process: makes its evaluator once, then evaluates one job after the other."""

import dataclasses
import os
import pickle
import signal
import threading
import traceback
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from bitwright.errors import WorkerError
from bitwright.execute.base import Evaluator, Job
from bitwright.execute.gate import FileGate, Gate
from bitwright.execute.memory import give_back
from bitwright.execute.place import Place
from bitwright.execute.shared import Shared, SharedFile
from bitwright.records import Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """The evaluator is made."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """The job's training is at step `done` of `total`."""

    done: int
    total: int
    loss: float


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """The job's outcome."""

    outcome: Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """What the study cannot go on with, and the traceback of where it came up."""

    error: Exception
    traceback: str


Message = Ready | Step | Done | Trouble


def work(
    connection: "Connection[Message, Job]", recipe: Shared, gate: SharedFile, limit_s: float | None
) -> None:
    """Serves jobs until the connection or the parent ends.

    The recipe's value makes the evaluator. The work of making it is done inside the gate too: to
    import what evaluators need takes seconds, and would disturb a neighbour who measures.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    room = FileGate(gate.handle)
    try:
        with room.entered():
            evaluator: Evaluator = recipe.value()()
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        connection.send(_trouble(error))
        return
    connection.send(Ready())
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(_answer(job, evaluator, connection, room, limit_s))
        give_back()


def _answer(
    job: Job,
    evaluator: Evaluator,
    connection: "Connection[Message, Job]",
    room: Gate,
    limit_s: float | None,
) -> Message:
    def tell(done: int, total: int, loss: float) -> None:
        connection.send(Step(done, total, loss))

    with room.entered():
        try:
            return Done(evaluator.evaluate(job, Place(tell, gate=room, limit_s=limit_s)))
        except Exception as error:  # noqa: BLE001 - it is raised in the parent
            return _trouble(error)


def _trouble(error: Exception) -> Trouble:
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever a class does when it is pickled
        error = WorkerError(f"{type(error).__name__}: {error}")
    return Trouble(error, text)


def _end_with_parent() -> None:
    """A parent that is killed can end nobody: its workers end themselves."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
