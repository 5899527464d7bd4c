"""The folder on this machine that keeps data sets, and the one file each is kept in.

A data set lives in `<cache>/<name>/arrays.npz`; official files put by hand into `<cache>/<name>/`
are found there.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import platformdirs

from bitwright.errors import DataError
from bitwright.tasks.data.images import ImageSplit
from bitwright.tasks.data.npz import UNREADABLE, read_npz

VARIABLE = "BITWRIGHT_DATA"
ARRAYS = "arrays.npz"


def cache_folder() -> Path:
    """The folder that BITWRIGHT_DATA names, or the platform's user cache."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("bitwright") / "data"


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turns a failure to write under `place` (full disk, no permission) into one DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write to '{place}': {error.strerror or error}; free some space there or set "
            f"{VARIABLE} to a folder that you can write to"
        ) from error


def store(path: Path, train: ImageSplit, test: ImageSplit, origin: str) -> None:
    """Writes both splits into one file: complete or not at all."""
    with writing(path.parent), _replacing(path) as file:
        np.savez(
            file,
            train_images=train.images,
            train_labels=train.labels,
            test_images=test.images,
            test_labels=test.labels,
            origin=np.array(origin),
        )


def recall(path: Path) -> tuple[ImageSplit, ImageSplit, str]:
    """Training split, test split and origin as stored; DataError if the file is damaged."""
    try:
        arrays = read_npz(path)
        return (
            ImageSplit(arrays["train_images"], arrays["train_labels"]),
            ImageSplit(arrays["test_images"], arrays["test_labels"]),
            str(arrays["origin"]),
        )
    except (*UNREADABLE, KeyError) as error:
        raise damaged(path, str(error) or type(error).__name__) from error


def damaged(path: Path, reason: str) -> DataError:
    """The error for a stored file that is not what it should be."""
    return DataError(
        f"the stored data set '{path}' is damaged ({reason}); delete that file and fetch the "
        f"data set again (bitwright data fetch {path.parent.name})"
    )


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path` that takes its place once all is written, and vanishes otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
