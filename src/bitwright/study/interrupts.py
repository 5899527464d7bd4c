"""Ctrl-C at the right moment: not in the middle of a transaction."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


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
