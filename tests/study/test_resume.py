"""A study that was killed or interrupted goes on as if nothing had happened."""

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bitwright.execute.base import Job
from bitwright.records import Outcome
from bitwright.study.session import run, view
from bitwright.study.view import StudyView
from bitwright.study.watch import Watcher

pytestmark = pytest.mark.usefixtures("one_thread")

DIE_IN = """
import os, signal, sys
from pathlib import Path
from bitwright.config import StudyConfig
from bitwright.study.session import run
from bitwright.study.watch import Watcher

class Dying(Watcher):
    number = -1
    def trial_started(self, job):
        self.number = job.number
    def progress(self, done, total, loss):
        if self.number == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

run(StudyConfig.read(sys.argv[1]), Path(sys.argv[2]), Dying())
"""
CONTROLLERS: dict[str, dict[str, Any]] = {
    "random": {"batch": 4},
    "evolution": {"batch": 4, "population": 4, "tournament": 2},
    "recurrent": {"batch": 4, "hidden": 8},
}


class Counting(Watcher):
    """Remembers which trials were started in this run."""

    def __init__(self) -> None:
        self.started: list[int] = []

    def trial_started(self, job: Job) -> None:
        self.started.append(job.number)


def everything_but_seconds(found: StudyView, repeatable: Any) -> tuple[Outcome, ...]:
    return tuple(repeatable(outcome) for outcome in found.outcomes)


def trials_in(database: Path) -> int:
    if not database.exists():
        return 0
    with sqlite3.connect(database, timeout=30) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'trials'")
        if not tables.fetchall():
            return 0
        return int(connection.execute("SELECT COUNT(*) FROM trials").fetchone()[0])


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_12_trials_are_6_and_kill_9_in_the_middle_of_an_iteration_and_6(
    controller: str, program: Any, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "search__controller": controller,
        "search__options": CONTROLLERS[controller],
        "search__iterations": 3,
    }
    file = program.study(**changes)
    killed = program.run(file, "killed/study", "6", python=DIE_IN)
    assert killed.code == -signal.SIGKILL
    half = view(tmp_path / "killed/study")
    assert (half.state, half.stopped_by, len(half.outcomes)) == ("interrupted", None, 6)

    counting = Counting()
    resumed = run(config(**changes), tmp_path / "killed/study", counting)
    assert counting.started == list(range(6, 12))
    whole = run(config(**changes), tmp_path / "whole/study")

    assert len(whole.outcomes) == 12
    assert len({outcome.genome for outcome in whole.outcomes}) > 6
    assert everything_but_seconds(resumed, repeatable) == everything_but_seconds(whole, repeatable)
    assert resumed.final is not None and whole.final is not None
    assert resumed.final.test_accuracy == whole.final.test_accuracy
    assert resumed.final.curve == whole.final.curve


@pytest.mark.slow
def test_50_trials_are_25_and_kill_9_of_the_program_and_25(
    program: Any, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "search__controller": "evolution",
        "search__options": {"batch": 5, "population": 10, "tournament": 3},
        "search__iterations": 10,
        "train__images": 64,
        "final__epochs": 1,
    }
    file = program.study(**changes)
    running = program.start("search", file, "--quiet")
    while trials_in(tmp_path / "runs/study/study.db") < 25:
        assert running.process.poll() is None, running.end().err
    killed = running.stop(signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    done = len(view(tmp_path / "runs/study").outcomes)
    assert 25 <= done < 50

    assert program.run("search", file, "--quiet").code == 0
    resumed = view(tmp_path / "runs/study")
    whole = run(config(**changes), tmp_path / "whole/study")
    assert len(resumed.outcomes) == 50
    assert everything_but_seconds(resumed, repeatable) == everything_but_seconds(whole, repeatable)


def test_an_interrupt_in_every_part_loses_nothing_and_changes_nothing(
    program: Any, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {
        "sensitivity": {"epochs": 0.5, "images": 50, "tune_steps": 1, "threshold": 0.5},
        "quantization": {"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]},
        "search__iterations": 4,
        "final": {"epochs": 30, "batch": 64, "learning_rate": 0.01, "images": 256},
        "baseline": True,
    }
    file = program.study(**changes)
    out = tmp_path / "runs/study"

    def interrupt_at(text: str) -> None:
        running = program.start("search", file)
        running.wait_for(text)
        ended = running.stop(signal.SIGINT)
        assert ended.code == 3, ended.err
        assert "Traceback" not in ended.err
        assert ended.err.endswith(
            "Interrupted; nothing recorded is lost. Go on with: bitwright search study.yaml\n"
        )
        assert (view(out).state, view(out).stopped_by) == ("interrupted", "user")

    interrupt_at("measuring sensitivity")
    assert view(out).sensitivity == ()
    interrupt_at("trial 2: ")
    assert view(out).sensitivity
    assert 3 <= len(view(out).outcomes) < 8
    interrupt_at(str(out / "model.checkpoint.pt"))
    assert len(view(out).outcomes) == 8
    assert view(out).final is None
    interrupt_at(str(out / "baseline.checkpoint.pt"))
    assert view(out).final is not None
    assert view(out).baseline is None

    ended = program.run("search", file, "--quiet")
    assert ended.code == 0, ended.err
    resumed = view(out)
    assert (resumed.state, resumed.stopped_by) == ("finished", "iterations")
    assert not list(out.glob("*.checkpoint.pt"))

    whole = run(config(**changes), tmp_path / "whole/study")
    assert resumed.sensitivity == whole.sensitivity
    assert everything_but_seconds(resumed, repeatable) == everything_but_seconds(whole, repeatable)
    for name in ("model.onnx", "baseline.onnx"):
        assert (out / name).read_bytes() == (tmp_path / "whole/study" / name).read_bytes()


class Steps(Watcher):
    """Counts the final training's steps, and interrupts it after so many."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[int] = []
        self._stop_at = stop_at
        self._final = False

    def phase(self, name: str, detail: str = "") -> None:
        self._final = name == "final"

    def progress(self, done: int, total: int, loss: float) -> None:
        if self._final:
            self.steps.append(done)
            if self._stop_at is not None and done > self._stop_at:
                raise KeyboardInterrupt


def test_the_final_training_goes_on_from_its_checkpoint(config: Any, tmp_path: Path) -> None:
    study = config(final__epochs=10)  # of 4 steps
    first = Steps(stop_at=20)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "a/study", first)
    second = Steps()
    resumed = run(study, tmp_path / "a/study", second)
    assert first.steps[0] == 4
    assert 20 < second.steps[0] <= 28
    assert second.steps[-1] == 40
    whole = run(study, tmp_path / "b/study")
    assert resumed.final is not None and whole.final is not None
    assert resumed.final.curve == whole.final.curve
    assert len(whole.final.curve) == 10
    assert resumed.final.test_accuracy == whole.final.test_accuracy


def test_a_broken_checkpoint_costs_time_and_nothing_else(
    config: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = config(final__epochs=10)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "study", Steps(stop_at=20))
    (tmp_path / "study/model.checkpoint.pt").write_bytes(b"not a checkpoint")
    steps = Steps()
    assert run(study, tmp_path / "study", steps).state == "finished"
    assert steps.steps[0] == 4
    assert "training starts anew" in caplog.text


def test_a_finished_study_runs_again_without_any_work(config: Any, tmp_path: Path) -> None:
    first = run(config(), tmp_path / "study")
    counting, steps = Counting(), Steps()
    assert run(config(), tmp_path / "study", counting) == first
    run(config(), tmp_path / "study", steps)
    assert counting.started == steps.steps == []


def test_more_iterations_go_on_from_a_finished_study(
    config: Any, tmp_path: Path, repeatable: Any
) -> None:
    run(config(search__iterations=2), tmp_path / "a/study")
    more = run(config(search__iterations=4), tmp_path / "a/study")
    whole = run(config(search__iterations=4), tmp_path / "b/study")
    assert everything_but_seconds(more, repeatable) == everything_but_seconds(whole, repeatable)
    assert more.final is not None and more.best is not None
    assert more.final.trial == more.best.trial


def test_one_seed_gives_one_result_in_any_folder_and_another_seed_another(
    config: Any, repeatable: Any, tmp_path: Path
) -> None:
    first, second = (run(config(), tmp_path / folder / "study") for folder in "ab")
    assert everything_but_seconds(first, repeatable) == everything_but_seconds(second, repeatable)
    models = [(tmp_path / folder / "study/model.onnx").read_bytes() for folder in "ab"]
    assert models[0] == models[1]
    other = run(config(search__seed=1), tmp_path / "c/study")
    genomes = [[outcome.genome for outcome in found.outcomes] for found in (first, other)]
    assert genomes[0] != genomes[1]
