"""Where one evaluation runs, as its evaluator sees it."""

import contextlib
import time
from collections.abc import Callable, Iterator

from bitwright.errors import InfeasibleError
from bitwright.execute.gate import Gate, OpenGate


class Place:
    """Tells how far the trial is, lets neighbours measure, and ends a trial whose time is up.

    Made when the trial begins. `hear` is told (steps done, of how many, loss); `limit_s` counts
    seconds of the trial's own: what it waited for neighbours is taken off.
    """

    def __init__(
        self,
        hear: Callable[[int, int, float], None] = lambda done, total, loss: None,
        *,
        gate: Gate | None = None,
        limit_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hear = hear
        self._gate = gate or OpenGate()
        self._limit_s = limit_s
        self._clock = clock
        self._began = clock()

    def progress(self, done: int, total: int, loss: float) -> None:
        """Training is at step `done` of `total`."""
        self._hear(done, total, loss)

    def between_steps(self) -> None:
        """Waits while a neighbour measures; InfeasibleError once the trial's time is up."""
        if self._gate.contested():
            start = self._clock()
            self._gate.give_way()
            self._began += self._clock() - start
        if self._limit_s is not None and self._clock() - self._began > self._limit_s:
            raise InfeasibleError(out_of_time(self._limit_s))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing else of the study computes inside the block."""
        start = self._clock()
        with self._gate.alone():
            self._began += self._clock() - start
            yield


def out_of_time(limit_s: float) -> str:
    """Why a trial was ended."""
    return f"the trial took more than {limit_s / 60:g} minutes (search.trial_minutes)"
