"""Places that the files of a known data set can be had from."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bitwright.errors import DataError

Progress = Callable[[str, int, int | None], None]
"""Told what is being fetched, the bytes that are there, and how many there will be, if known."""


class OriginError(DataError):
    """An origin that could not deliver, or not the right files: the next one is tried."""


class Origin(Protocol):
    """One place. `str` names it for people."""

    def deliver(self, folder: Path, progress: Progress) -> None:
        """Puts the data set's files into `folder`; OriginError with the reason if that fails.

        Failures to write are no OriginError: they end the fetch, for every origin would meet them.
        """


def silent(what: str, done: int, total: int | None) -> None:
    """The progress hook of those who do not watch."""
