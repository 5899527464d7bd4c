"""Ends that the user asks for: Ctrl-C, not in the middle of a transaction, and a pause."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Paused(KeyboardInterrupt):
    """The study was asked to pause, and has come to a place where it can."""


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Holds an interrupt back until the block has ended.

    Optuna rolls nothing back on KeyboardInterrupt: the database would stay locked for all that
    this program still has to write. Only the main thread gets interrupts, elsewhere this does
    nothing.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if held:
        handler(*held[0])
