"""A benchmark's runs, shared out among processes that work side by side, on one result file."""

import argparse
import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

Run = TypeVar("Run")


def share_of(runs: Sequence[Run], description: str | None) -> Sequence[Run]:
    """The runs that the command line's `--part` leaves to this process: all without it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--part", default="1/1", help="which of how many parts: 1/2, 2/2")
    part, parts = map(int, parser.parse_args().part.split("/"))
    return runs[part - 1 :: parts]


@contextlib.contextmanager
def locked(result: Path) -> Iterator[None]:
    """Keeps the other processes from the result file."""
    with result.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
