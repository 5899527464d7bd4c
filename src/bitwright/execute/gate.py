"""Who may compute while a neighbour measures time: nobody.

A reader-writer lock between processes, by record locks on two bytes of a file without a name: the
system takes them from a process that dies, so a killed worker never stops the others. All who
compute share the room; who measures has it alone. Whoever waits for the room holds the turnstile,
so that those inside see it and those outside stay there: without it, processes that leave and come
back at once would never let anyone be alone.
"""

import abc
import contextlib
import fcntl
from collections.abc import Iterator

TURNSTILE, ROOM = 0, 1  # bytes of the file


class Gate(abc.ABC):
    """Lets many compute at once, or one alone."""

    @abc.abstractmethod
    def entered(self) -> contextlib.AbstractContextManager[None]:
        """Computes among others inside the block; the two methods below are for its inside."""

    @abc.abstractmethod
    def contested(self) -> bool:
        """Whether somebody waits to be alone; costs microseconds."""

    @abc.abstractmethod
    def give_way(self) -> None:
        """Steps out until nobody is or waits to be alone."""

    @abc.abstractmethod
    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Waits until nobody else computes, and lets nobody in until the block has ended."""


class OpenGate(Gate):
    """There are no neighbours."""

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """At once."""
        return contextlib.nullcontext()

    def contested(self) -> bool:
        """Never."""
        return False

    def give_way(self) -> None:
        """To nobody."""

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Always."""
        return contextlib.nullcontext()


class FileGate(Gate):
    """One process's side of a gate that all processes with this file share.

    Record locks belong to the process: one gate a file and process, used by one thread.
    """

    def __init__(self, file: int) -> None:
        self._file = file

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Waits at the turnstile while somebody is, or waits to be, alone."""
        self._enter()
        try:
            yield
        finally:
            self._release(ROOM)

    def contested(self) -> bool:
        """Whether the turnstile is held."""
        try:
            self._take(TURNSTILE, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # POSIX allows both words for "taken"
            return True
        self._release(TURNSTILE)
        return False

    def give_way(self) -> None:
        """Leaves the room and enters it again."""
        self._release(ROOM)
        self._enter()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Leaves the room first, lest two who want to be alone wait for each other."""
        self._release(ROOM)
        self._take(TURNSTILE, fcntl.LOCK_EX)
        try:
            self._take(ROOM, fcntl.LOCK_EX)
            yield
        finally:
            self._take(ROOM, fcntl.LOCK_SH)
            self._release(TURNSTILE)

    def _enter(self) -> None:
        self._take(TURNSTILE, fcntl.LOCK_SH)
        self._take(ROOM, fcntl.LOCK_SH)
        self._release(TURNSTILE)

    def _take(self, byte: int, how: int) -> None:
        fcntl.lockf(self._file, how, 1, byte)

    def _release(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
