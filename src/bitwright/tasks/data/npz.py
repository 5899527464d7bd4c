"""Reads NumPy's .npz files; pickled objects in them are refused, never run."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

UNREADABLE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)
"""What `read_npz` raises for a file that is missing or damaged."""


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of the file by their keys."""
    with path.open("rb") as file:  # np.load leaves a damaged file open when it opens it itself
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array, not a set of named ones")
        with arrays:
            return {key: arrays[key] for key in arrays}
