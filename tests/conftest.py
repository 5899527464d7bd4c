"""Studies small enough to run whole in a test, and the real program to run them with."""

import contextlib
import copy
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bitwright.config import StudyConfig
from bitwright.records import Outcome

if TYPE_CHECKING:
    from bitwright.train.shop import Shop

PATIENCE_S = 120.0  # until a program has surely hung, on the slowest machine
STAGES: list[dict[str, Any]] = [
    {"name": "stem", "kinds": ["conv"], "width": [4, 8], "stride": [2]},
    {"name": "body", "kinds": ["conv", "depthwise_separable"], "depth": [1, 2], "width": [4, 8]},
]
TINY: dict[str, Any] = {
    "data": "digits",
    "space": {"stages": STAGES},
    "sensitivity": {"enabled": False},
    "search": {"controller": "random", "options": {"batch": 2}, "iterations": 2},
    "train": {"epochs": 0.5, "images": 256, "batch": 64, "learning_rate": 0.01},
    "final": {"epochs": 2, "images": 256, "batch": 64, "learning_rate": 0.01},
    "distill": {"where": "nowhere"},
    "baseline": False,
    "device": "cpu",
}
Settings = dict[str, Any]
# The program as an installation writes it.
SCRIPT = f"""#!{sys.executable}
from bitwright.cli import main

if __name__ == "__main__":
    main()
"""


def tiny(**changes: Any) -> Settings:
    """The smallest study with keys changed, such as search__iterations=3."""
    settings = copy.deepcopy(TINY)
    for key, value in changes.items():
        place = settings
        *parents, last = key.split("__")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return settings


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests start, in whatever folder, finds this environment's programs and packages."""
    programs = [Path(sys.executable).parent, *map(Path, os.get_exec_path())]
    if not programs[0].joinpath("bitwright").exists():  # run from the sources, not installed
        programs.insert(0, tmp_path_factory.mktemp("programs"))
        script = programs[0] / "bitwright"
        script.write_text(SCRIPT, encoding="utf-8")
        script.chmod(0o755)
    packages = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", os.pathsep.join(map(str, programs)))
        found = [str(Path(name).absolute()) for name in packages]
        environment.setenv("PYTHONPATH", os.pathsep.join(found))
        yield


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """See `tiny`."""
    return tiny


@pytest.fixture(scope="session")
def config() -> Callable[..., StudyConfig]:
    """The smallest study with keys changed, as a value."""
    return lambda **changes: StudyConfig.from_mapping(tiny(**changes))


@pytest.fixture(scope="session")
def shop() -> "Shop":
    """Everything that turns blueprints for digits into measured files."""
    import torch

    from bitwright.config import DataConfig
    from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
    from bitwright.tasks.image_classification import ImageClassification
    from bitwright.train.shop import Shop

    task = ImageClassification.make(DataConfig(name="digits"), seed=0)
    cpu = torch.device("cpu")
    return Shop.open("digits study", task, OnnxRuntimeCpu(), device=cpu, threads=1)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The sums of one thread, which another process with one thread repeats bit for bit."""
    with _one_thread():
        yield


@pytest.fixture(scope="session")
def with_one_thread() -> Callable[[], AbstractContextManager[None]]:
    """The same for fixtures that outlive a test."""
    return _one_thread


@pytest.fixture
def repeatable() -> Callable[[Outcome], Outcome]:
    """An outcome without its seconds: all that one seed must give again."""
    return lambda outcome: dataclasses.replace(outcome, seconds=())


@dataclasses.dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout as one JSON value; fails on anything beside it."""
        return json.loads(self.out)


class Running:
    """A program at work, whose stderr can be waited on."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._seen = ""

    def wait_for(self, text: str) -> None:
        """Returns once `text` has stood on stderr, or a file of that path exists."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self._seen and not (text.startswith("/") and Path(text).exists()):
            self._read(0.02)
            assert time.monotonic() < deadline, f"no '{text}' in:\n{self._seen}"
            assert self.process.poll() is None or text in self._drained(), self._seen

    def stop(self, number: signal.Signals) -> Ended:
        """Sends the signal and waits for the end."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> Ended:
        """Waits for the end."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Ended(self.process.returncode, out.decode(), self._seen + err.decode())

    def _read(self, seconds: float) -> None:
        assert self.process.stderr is not None
        if select.select([self.process.stderr], [], [], seconds)[0]:
            self._seen += os.read(self.process.stderr.fileno(), 65536).decode()

    def _drained(self) -> str:
        self._read(0.2)
        return self._seen


@dataclasses.dataclass(frozen=True)
class Program:
    """The `bitwright` of this environment, run in a folder of its own."""

    folder: Path

    def study(self, name: str = "study.yaml", **changes: Any) -> str:
        """Writes a study file; returns its name."""
        (self.folder / name).write_text(yaml.safe_dump(tiny(**changes)), encoding="utf-8")
        return name

    def start(self, *arguments: str, python: str | None = None) -> Running:
        """Starts the program, or `python` code in its place."""
        called = [sys.executable, "-c", python] if python else ["bitwright"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        process = subprocess.Popen(
            [*called, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return Running(process)

    def run(self, *arguments: str, python: str | None = None) -> Ended:
        """Runs it to its end."""
        return self.start(*arguments, python=python).end()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program in an empty folder."""
    return Program(tmp_path)
