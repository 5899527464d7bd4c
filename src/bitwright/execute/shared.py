"""What many processes share: files without a name, and a value whose arrays lie in one of them.

Such a file is memory: it lasts as long as some process has it open, so whatever is killed leaves
nothing behind. Named shared memory would stay, and is often limited (to 64 MB in a container).
"""

import copyreg
import dataclasses
import io
import mmap
import os
import pickle
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes: a vector register's

Reducer = Callable[[Any], tuple[Any, ...]]


class SharedFile:
    """A file without a name; it may be handed to a process that is being spawned, at no other time.

    `handle` is its number in this process, open as long as this object is not closed.
    """

    def __init__(self) -> None:
        self.handle = _nameless()

    def close(self) -> None:
        """Gives it up in this process; other processes keep it."""
        os.close(self.handle)

    def __getstate__(self) -> Any:
        return DupFd(self.handle)

    def __setstate__(self, state: Any) -> None:
        self.handle = state.detach()


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("bitwright")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@dataclasses.dataclass(frozen=True, slots=True)
class _Span:
    """Bytes of the file."""

    start: int
    length: int


class Shared:
    """A pickled value; its arrays are in a file that all processes map, one copy for all of them.

    What a process writes into such an array it alone sees.
    """

    def __init__(self, value: Any, reducers: Mapping[type, Reducer]) -> None:
        self._file = SharedFile()
        self._spans: list[_Span] = []
        self._end = 0
        self._known: dict[tuple[int, int], _Span] = {}  # by address and length in this process
        text = io.BytesIO()
        pickler = pickle.Pickler(text, protocol=5, buffer_callback=self._keep)
        pickler.dispatch_table = {**copyreg.dispatch_table, **reducers}
        pickler.dump(value)
        self._text = self._written(text.getbuffer())

    def value(self) -> Any:
        """The value, in whichever process this is."""
        whole = memoryview(mmap.mmap(self._file.handle, self._end, access=mmap.ACCESS_COPY))
        parts = [whole[span.start : span.start + span.length] for span in self._spans]
        text = whole[self._text.start : self._text.start + self._text.length]
        return pickle.loads(text, buffers=parts)

    def close(self) -> None:
        """Frees the memory, once no process uses the value any more."""
        self._file.close()

    def __getstate__(self) -> Any:
        return self._file, self._spans, self._text, self._end

    def __setstate__(self, state: Any) -> None:
        self._file, self._spans, self._text, self._end = state

    def _keep(self, buffer: pickle.PickleBuffer) -> None:
        """Takes an array's bytes out of the pickle; what two objects show is kept once."""
        raw = buffer.raw()
        key = (np.frombuffer(raw, np.uint8).ctypes.data, raw.nbytes)
        if key not in self._known:
            self._known[key] = self._written(raw)
        self._spans.append(self._known[key])

    def _written(self, data: memoryview) -> _Span:
        span = _Span(-(-self._end // ALIGNMENT) * ALIGNMENT, data.nbytes)
        with open(self._file.handle, "r+b", closefd=False) as file:
            file.seek(span.start)
            file.write(data)
        self._end = span.start + span.length
        return span
