"""What the shell offers after TAB: study files, known names. Loads no more than each needs."""

from collections.abc import Callable, Iterable
from pathlib import Path

Complete = Callable[[str], list[str]]
SUFFIXES = (".yaml", ".yml")


def _beginning(names: Callable[[], Iterable[str]]) -> Complete:
    """Completes what is typed to one of the names; they are made when TAB is pressed."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def study_files(incomplete: str) -> list[str]:
    """Study files, and folders: a study's own, or one on the way."""
    return _paths(incomplete, lambda path: path.suffix in SUFFIXES)


def model_files(incomplete: str) -> list[str]:
    """Model files, and folders on the way."""
    return _paths(incomplete, lambda path: path.suffix == ".onnx")


def comparable_files(incomplete: str) -> list[str]:
    """Study files, model files, and folders."""
    return _paths(incomplete, lambda path: path.suffix in (*SUFFIXES, ".onnx"))


def data_sets(incomplete: str) -> list[str]:
    """Known data sets; where none fits, folders and .npz files."""
    known = KNOWN_DATA(incomplete)
    return known or _paths(incomplete, lambda path: path.suffix == ".npz")


def _paths(incomplete: str, wanted: Callable[[Path], bool]) -> list[str]:
    """Paths that begin with what is typed: the wanted files, and folders with a slash."""
    folder, _, start = incomplete.rpartition("/")
    place = Path(f"{folder}/" if incomplete.startswith("/") else folder or ".").expanduser()
    if not place.is_dir():
        return []
    before = f"{folder}/" if "/" in incomplete else ""
    hidden = start.startswith(".")
    return sorted(
        f"{before}{path.name}{'/' if path.is_dir() else ''}"
        for path in place.iterdir()
        if path.name.startswith(start)
        and path.name.startswith(".") == hidden
        and (path.is_dir() or wanted(path))
    )


def _metric_names() -> Iterable[str]:
    from bitwright.metrics import METRICS
    from bitwright.report.selection import FIELDS

    return (*FIELDS, *METRICS)


def _state_names() -> Iterable[str]:
    from typing import get_args

    from bitwright.records import State

    return get_args(State)


def _target_names() -> Iterable[str]:
    from bitwright.targets.base import TARGETS

    return TARGETS


def _data_set_names() -> Iterable[str]:
    from bitwright.tasks.data.registry import sources

    return [source.name for source in sources()]


METRICS = _beginning(_metric_names)
STATES = _beginning(_state_names)
TARGET_NAMES = _beginning(_target_names)
KNOWN_DATA = _beginning(_data_set_names)
