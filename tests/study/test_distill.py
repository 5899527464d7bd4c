"""Whole studies with a teacher: who learns from it, what is told of it, and exact resuming."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError
from bitwright.records import Outcome
from bitwright.report.json_view import as_json
from bitwright.study.documents import teacher_from_json, teacher_to_json
from bitwright.study.session import run, sensitivity, view
from bitwright.study.watch import Watcher

pytestmark = pytest.mark.usefixtures("one_thread")

TRAIN = {"epochs": 1, "batch": 64, "learning_rate": 0.02}
SHORT = {"search__iterations": 1, "train__images": 128}
PROBE = {"epochs": 0.5, "images": 50, "tune_steps": 1}
ONE_METHOD = {"weights": ["lsq:8"], "activations": ["lsq:8"]}
Config = Callable[..., StudyConfig]


class Phases(Watcher):
    """The parts of a study, in order; stops in the middle of the teacher's training if told to."""

    def __init__(self, *, stop: bool = False) -> None:
        self.heard: list[str] = []
        self._stop = stop

    def phase(self, name: str, detail: str = "") -> None:
        self.heard.append(name)

    def progress(self, done: int, total: int, loss: float) -> None:
        if self._stop and self.heard[-1] == "teacher" and loss:
            raise KeyboardInterrupt


@pytest.fixture
def study(config: Config) -> Config:
    """The smallest study whose networks learn from a teacher, with keys of `distill` changed."""

    def make(*, also: dict[str, Any] | None = None, **changes: Any) -> StudyConfig:
        return config(**{**SHORT, "distill": {"train": TRAIN, **changes}, **(also or {})})

    return make


def whole(outcomes: tuple[Outcome, ...], repeatable: Any) -> tuple[Outcome, ...]:
    return tuple(repeatable(outcome) for outcome in outcomes)


@pytest.mark.parametrize(
    ("where", "phases"),
    [
        ("nowhere", ["data", "search", "final", "report"]),
        ("final", ["data", "search", "teacher", "final", "report"]),
        ("everywhere", ["data", "teacher", "search", "final", "report"]),
    ],
)
def test_the_teacher_is_prepared_where_it_is_first_needed(
    where: str, phases: list[str], study: Config, tmp_path: Path
) -> None:
    watcher = Phases()
    found = run(study(where=where), tmp_path / "study", watcher)
    assert watcher.heard == phases
    assert (found.teacher is None) == (where == "nowhere")
    assert found.state == "finished"


def test_who_learns_and_who_does_not(study: Config, tmp_path: Path, repeatable: Any) -> None:
    found = {
        where: run(study(where=where), tmp_path / where / "study")
        for where in ("nowhere", "final", "everywhere")
    }
    trials = {where: whole(view.outcomes, repeatable) for where, view in found.items()}
    curves = {where: view.final and view.final.curve for where, view in found.items()}
    assert trials["nowhere"] == trials["final"] != trials["everywhere"]
    assert curves["nowhere"] != curves["final"]


def test_workers_learn_from_the_same_teacher(
    study: Config, tmp_path: Path, repeatable: Any
) -> None:
    alone = run(study(where="everywhere"), tmp_path / "a/study")
    shared = run(study(where="everywhere", also={"workers": 2, "threads": 1}), tmp_path / "b/study")
    assert whole(shared.outcomes, repeatable) == whole(alone.outcomes, repeatable)


def test_sensitivity_is_measured_on_networks_that_learned_alike(
    study: Config, tmp_path: Path
) -> None:
    also = {"quantization": {**ONE_METHOD, "weights": ["lsq:2", "lsq:8"]}, "sensitivity": PROBE}
    taught = study(where="everywhere", also=also)
    rows = sensitivity(taught, tmp_path / "study")
    assert rows != sensitivity(study(where="final", also=also), tmp_path / "other")
    watcher = Phases()
    found = run(taught, tmp_path / "study", watcher)
    assert found.sensitivity == rows
    assert watcher.heard == ["data", "search", "final", "report"], "both were there already"


def test_the_teacher_is_told_of(study: Config, tmp_path: Path) -> None:
    run(study(where="final"), tmp_path / "study")
    found = view(tmp_path / "study")
    teacher = found.teacher
    assert teacher is not None and teacher.source == "study"
    assert teacher_from_json(teacher_to_json(teacher)) == teacher
    assert as_json(found)["teacher"] == {
        "source": "study",
        "accuracy": teacher.accuracy,
        "spent_seconds": teacher.spent_seconds,
    }
    report = (tmp_path / "study/report.html").read_text(encoding="utf-8")
    assert "The teacher" in report
    assert f"{100 * teacher.accuracy:.2f} %" in report


def test_time_spent_on_the_teacher_counts_where_candidates_learn_from_it(
    study: Config, tmp_path: Path
) -> None:
    limits = {"search__iterations": 9, "search__minutes": 0.0001}
    found = run(study(where="everywhere", also=limits), tmp_path / "study")
    assert found.stopped_by == "time" and len(found.outcomes) == 2
    assert found.teacher is not None and found.teacher.spent_seconds > 0.006


def test_an_interrupt_in_the_teachers_training_changes_nothing(
    study: Config, tmp_path: Path, repeatable: Any
) -> None:
    taught = study(where="everywhere", train={**TRAIN, "epochs": 3}, also={"baseline": True})
    with pytest.raises(KeyboardInterrupt):
        run(taught, tmp_path / "a/study", Phases(stop=True))
    assert (view(tmp_path / "a/study").state, view(tmp_path / "a/study").teacher) == (
        "interrupted",
        None,
    )
    resumed = run(taught, tmp_path / "a/study")
    unbroken = run(taught, tmp_path / "b/study")
    assert whole(resumed.outcomes, repeatable) == whole(unbroken.outcomes, repeatable)
    for name in ("model.onnx", "baseline.onnx"):
        files = [(tmp_path / folder / "study" / name).read_bytes() for folder in "ab"]
        assert files[0] == files[1]


DIE = """
import os, signal, sys
from pathlib import Path
from bitwright.config import StudyConfig
from bitwright.study.session import run
from bitwright.study.watch import Watcher

class Dying(Watcher):
    name = ""
    def phase(self, name, detail=""):
        self.name = name
    def progress(self, done, total, loss):
        if self.name == "final" and done > 5:
            os.kill(os.getpid(), signal.SIGKILL)

run(StudyConfig.read(sys.argv[1]), Path(sys.argv[2]), Dying())
"""


def test_a_kill_in_the_final_training_changes_nothing(
    program: Any, study: Config, tmp_path: Path
) -> None:
    distill = {"where": "final", "train": TRAIN}
    changes: dict[str, Any] = {**SHORT, "distill": distill, "final__epochs": 4}
    file = program.study(**changes)
    killed = program.run(file, "killed/study", python=DIE)
    assert killed.code == -signal.SIGKILL, killed.err
    taught = study(where="final", also={"final__epochs": 4})
    watcher = Phases()
    resumed = run(taught, tmp_path / "killed/study", watcher)
    assert watcher.heard == ["data", "search", "final", "report"], "the lesson is kept"
    unbroken = run(taught, tmp_path / "whole/study")
    assert resumed.final is not None and unbroken.final is not None
    assert resumed.final.curve == unbroken.final.curve
    models = [
        (tmp_path / folder / "study/model.onnx").read_bytes() for folder in ("killed", "whole")
    ]
    assert models[0] == models[1]


def test_a_finished_study_asks_nobody_again(study: Config, tmp_path: Path) -> None:
    first = run(study(where="everywhere"), tmp_path / "study")
    watcher = Phases()
    assert run(study(where="everywhere"), tmp_path / "study", watcher) == first
    assert watcher.heard == ["data", "search", "report"]


def test_another_study_can_teach_and_must_not_change(study: Config, tmp_path: Path) -> None:
    run(study(where="final"), tmp_path / "one")
    path = tmp_path / "one/teacher.pt"
    taught = study(where="everywhere", teacher=str(path))
    found = run(taught, tmp_path / "two")
    assert found.teacher is not None and found.teacher.source == str(path)
    run(study(where="final", train={**TRAIN, "epochs": 2}), tmp_path / "three")
    path.write_bytes((tmp_path / "three/teacher.pt").read_bytes())
    with pytest.raises(ConfigError, match=r"learned from another teacher than .* is now; put"):
        run(taught, tmp_path / "two")


def test_a_teacher_that_does_not_fit_is_refused_before_anything_is_recorded(
    study: Config, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"distill\.teacher: 'no\.onnx' cannot be read"):
        run(study(where="final", teacher="no.onnx"), tmp_path / "study")
    assert not (tmp_path / "study/study.yaml").exists()
    assert run(study(where="final"), tmp_path / "study").state == "finished"


def test_where_alone_is_enough(config: Config) -> None:
    assert config(distill="everywhere") == config(distill={"where": "everywhere"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"features": 1, "teacher": "a.onnx"}, "'features' lie inside a network"),
        ({"mean": 0.5, "teacher": "a.onnx"}, "'mean' and 'deviation' go together"),
        ({"mean": 0.5, "deviation": 0.5}, "an .onnx teacher's; leave them out"),
        ({"mean": 0.5, "deviation": [0.5, 0.0], "teacher": "a.onnx"}, "greater than 0"),
        ({"temperature": 0}, "greater than 0"),
        ({"weight": 1.5}, "less than or equal to 1"),
        ({"where": "sometimes"}, "'nowhere'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: Any, words: str, config: Config) -> None:
    with pytest.raises(ConfigError) as caught:
        config(distill=settings)
    assert words in str(caught.value)
    assert "'distill" in str(caught.value)
