"""A study for another target begins with what one for its old target has trained."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitwright.cli.app import run as bitwright
from bitwright.config import StudyConfig
from bitwright.control.operators import sample
from bitwright.errors import ConfigError, InvalidGenome
from bitwright.execute.weights import weights_file
from bitwright.quant.spec import Method
from bitwright.records import Outcome
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.study.folder import Folder
from bitwright.study.forecasting import forecast
from bitwright.study.retargeting import folder_for, genome_in, retargeted
from bitwright.study.session import run, view
from bitwright.study.view import StudyView
from bitwright.study.watch import Watcher
from bitwright.targets.base import TARGETS, Target, answer_alike, make
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.testing.stores import complete

pytestmark = pytest.mark.usefixtures("one_thread")

NPU = "npu:edge-8-4"
SETTINGS: dict[str, Any] = {
    "search__controller": "evolution",
    "search__evaluator": "inherited",
    "search__options": {"batch": 3, "population": 4, "tournament": 2},
    "search__iterations": 3,
    "quantization": {"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]},
    "final__epochs": 0.5,
}


class Hearing(Watcher):
    """Hears what was taken over; interrupts a study at its so-manieth trial there."""

    def __init__(self, *, until: int = 1000) -> None:
        self.told: tuple[str, ...] = ()
        self.until = until
        self.trained: list[int] = []

    def taken_over(self, lines: tuple[str, ...]) -> None:
        self.told = lines

    def progress(self, done: int, total: int, loss: float) -> None:
        if self.told and not loss and done == self.until:
            raise KeyboardInterrupt

    def trial_done(self, outcome: Outcome) -> None:
        self.trained.append(outcome.number)


class Phases(Watcher):
    """Hears which phases there were."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def phase(self, name: str, detail: str = "") -> None:
        self.names.append(name)


class Shallow(OnnxRuntimeCpu):
    """Has no depthwise convolution, refuses 8-bit weights, and answers class 0 to everything."""

    name = "shallow"
    timed = False

    def supports(self, method, role):
        wide = role == "weight" and method.bits == 8
        return "its weights have 2 bits" if wide else super().supports(method, role)

    def lacks(self, graph):
        found = any(node.op == "conv" and node.groups > 1 for node in graph.nodes)
        return "it has no depthwise convolution" if found else None

    def load(self, path, *, threads=1):
        return Stubborn()


class Stubborn:
    """Says class 0."""

    def logits(self, x):
        return np.eye(10)[np.zeros(len(x), int)]


@pytest.fixture(scope="module")
def begun(config: Any, with_one_thread: Any, tmp_path_factory: Any) -> tuple[Folder, StudyView]:
    folder = tmp_path_factory.mktemp("begun") / "study"
    with with_one_thread():
        return Folder(folder), run(config(**SETTINGS), folder)


def on(config: Any, target: str, **changes: Any) -> StudyConfig:
    return retargeted(config(**{**SETTINGS, **changes}), [target])


def test_trials_are_taken_over_with_the_new_targets_metrics(
    begun: Any, config: Any, tmp_path: Path
) -> None:
    source, old = begun
    metrics = {"accuracy": {"weight": 1}, "cycles": {"weight": 0.1, "reference": 1000}}
    study = on(config, NPU, reward__metrics=metrics, search__iterations=5)
    heard = Hearing()
    found = run(study, tmp_path / "new", heard, source=source)
    files = sum((source.path / str(outcome.model)).is_file() for outcome in old.outcomes)
    assert heard.told == (
        f"9 of 9 trials of '{source.path}' are taken over, {files} of them with their files",
    )
    assert 0 < files < 9, "there is one of each kind"
    assert heard.trained == [9, 10, 11, 12, 13, 14], "no other was trained"
    assert found.taken_over == heard.told, "whoever looks later reads the same"
    assert found.stopped_by == "iterations" and len(found.outcomes) == 15
    for before, after in zip(old.outcomes, found.outcomes, strict=False):
        assert (after.number, after.iteration) == (before.number, before.number // 3)
        assert after.state == "complete"
        assert (after.units, after.policy, after.curve) == (
            (before.units, before.policy, before.curve)
        )
        accuracy, cycles = (after.metric(name) for name in ("accuracy", "cycles"))
        assert accuracy == before.metric("accuracy") and cycles is not None
        assert after.reward == pytest.approx(accuracy * (cycles / 1000) ** -0.1)
        assert after.metric("file_bytes") == before.metric("file_bytes")
        assert [part for part, _ in after.seconds] == ["measure"]
        context = dict(dict(after.metrics)["accuracy"].context)
        assert context["taken_from"] == f"trial {before.number} of study"
        weights = weights_file(tmp_path / "new", after.number)
        assert weights.read_bytes() == weights_file(source.path, before.number).read_bytes()
    assert {outcome.relative for outcome in found.outcomes[9:]} & set(range(9))
    again = run(study, tmp_path / "new", source=source)
    assert again.outcomes == found.outcomes


def test_what_the_new_target_does_not_run_stays_and_the_rest_is_judged_by_it(
    begun: Any, config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS._entries, "shallow", Shallow)
    source, old = begun
    study = on(config, "shallow", search__iterations=1, search__evaluator="scratch")
    assert study.quantization.weights == ("lsq:2:channel",)
    heard = Hearing()
    found = run(study, tmp_path / "new", heard, source=source)
    plain = [
        one
        for one in old.outcomes
        if {str(method) for site, method in one.policy if site.role == "weight"}
        == {"lsq:2:channel"}
        and all(unit.kind != "depthwise_separable" for unit in one.units)
    ]
    assert heard.told[0].startswith(f"{len(plain)} of 9 trials")
    refused = sum(int(line.split()[3].rstrip(",")) for line in heard.told[1:])
    assert refused == 9 - len(plain) > 0
    assert any("its weights have 2 bits" in line for line in heard.told[1:])
    held = [outcome.metric("accuracy") for outcome in found.outcomes]
    assert len(held) == max(3, len(plain))
    zeros = held[-1]  # of a new one, by the target's own answers
    for before, after in zip(plain, found.outcomes, strict=False):
        there = (source.path / str(before.model)).is_file()
        assert after.metric("accuracy") == (zeros if there else before.metric("accuracy"))


def test_limits_are_those_of_the_new_study(begun: Any, config: Any, tmp_path: Path) -> None:
    source, old = begun
    cycles = [make(NPU).counted(config_graph(outcome))["cycles"] for outcome in old.outcomes]
    limit = sorted(cycles)[4]
    study = on(config, NPU, limits={"cycles": limit}, search__iterations=1)
    found = run(study, tmp_path / "new", source=source)
    states = ["complete" if count <= limit else "infeasible" for count in cycles]
    assert [outcome.state for outcome in found.outcomes] == states
    assert "infeasible" in states
    assert all(-1 <= o.reward < 0 for o in found.outcomes if o.state == "infeasible")


def config_graph(outcome: Outcome) -> Any:
    from bitwright.records import Blueprint
    from bitwright.space.joint import expand

    return expand(Blueprint((1, 8, 8), 10, outcome.units, outcome.policy))


def test_a_dry_run_counts_what_is_taken_over(begun: Any, config: Any, tmp_path: Path) -> None:
    study = on(config, NPU, search__iterations=4)

    def told() -> dict[str, str]:
        found = forecast(study, tmp_path / "new", source=begun[0])
        return {phase.name: phase.what for phase in found.phases}

    assert told()["retarget"] == "9 trials taken over, 9 of them to be measured yet"
    assert not (tmp_path / "new").exists()
    forecasts = [forecast(study, tmp_path / "new", source=source) for source in (None, begun[0])]
    alone, over = ({phase.name: phase.time for phase in one.phases} for one in forecasts)
    assert over["search"].likely < alone["search"].likely, "three candidates in the place of twelve"
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "new", Hearing(until=4), source=begun[0])
    assert told()["retarget"] == "9 trials taken over, 5 of them to be measured yet"
    with pytest.raises(ConfigError, match="would not compare"):
        forecast(on(config, NPU, train__epochs=3), tmp_path / "other", source=begun[0])


def test_taking_over_goes_on_where_it_was_interrupted(
    begun: Any, config: Any, tmp_path: Path
) -> None:
    study = on(config, NPU, search__iterations=3)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "new", Hearing(until=4), source=begun[0])
    assert len(view(tmp_path / "new").outcomes) == 4
    heard = Hearing()
    found = run(study, tmp_path / "new", heard)
    assert len(found.outcomes) == 9 and heard.trained == []
    assert [outcome.seed for outcome in found.outcomes] == [o.seed for o in begun[1].outcomes]


def test_what_was_made_before_the_search_is_used_again(config: Any, tmp_path: Path) -> None:
    changes = {
        **SETTINGS,
        "sensitivity": {"epochs": 0.5, "images": 50, "tune_steps": 1},
        "search__evaluator": "supernet",
        "search__iterations": 1,
        "supernet__train": {"epochs": 0.5, "images": 128, "batch": 64},
    }
    first, again = Phases(), Phases()
    old = run(config(**changes), tmp_path / "old", first)
    new = run(on(config, NPU, **changes), tmp_path / "new", again, source=Folder(tmp_path / "old"))
    made = {"sensitivity", "supernet"}
    assert made <= set(first.names) and not made & set(again.names)
    assert new.sensitivity == old.sensitivity and new.supernet == old.supernet


def test_old_iterations_say_nothing_of_convergence(begun: Any, config: Any, tmp_path: Path) -> None:
    convergence = {"window": 2, "threshold": 0.999}
    study = on(config, NPU, search__iterations=9, search__convergence=convergence)
    found = run(study, tmp_path / "new", source=begun[0])
    assert found.stopped_by == "converged" and len(found.outcomes) == 9 + 2 * 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train__epochs": 1}, "were trained with train.epochs = 0.5, now it is 1"),
        ({"search__halving": {"rungs": 2}, "search__evaluator": "scratch"}, "only those that were"),
    ],
)
def test_trials_that_would_not_compare_are_refused(
    begun: Any, config: Any, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(on(config, NPU, **changes), tmp_path / "new", source=begun[0])


def test_a_study_with_trials_of_its_own_takes_none_over(
    begun: Any, config: Any, tmp_path: Path
) -> None:
    study = on(config, NPU, search__evaluator="scratch", search__iterations=1)
    run(study, tmp_path / "own")
    with pytest.raises(ConfigError, match="has trials of its own"):
        run(study, tmp_path / "own", source=begun[0])


def test_the_command_begins_a_folder_of_its_own(
    begun: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_for(begun[0], ["npu:x/a b.yaml"]).path == Path("runs/study-npu-a-b")
    command = ["search", "--retarget", NPU, str(begun[0].path), "--quiet"]
    assert bitwright(command) == 0
    found = view("runs/study-npu-edge-8-4")
    assert found.state == "finished" and len(found.outcomes) == 9
    assert StudyConfig.from_text(found.settings).target == NPU
    assert bitwright(["search", "--retarget", NPU, str(tmp_path / "none")]) == 2
    assert "whose trials could be taken over" in capsys.readouterr().err


def test_a_network_is_found_in_another_space_or_refused() -> None:
    config = StudyConfig.from_mapping({"data": "digits", "space": "tiny"})
    stages = stages_of(config.space)
    widths = [Method.parse("lsq:8", "activation")]
    two, both = (
        JointSpace(
            stages,
            MethodSpace(tuple(map(Method.parse, weights)), tuple(widths)),
            input_shape=(1, 8, 8),
            classes=10,
        )
        for weights in (["lsq:2"], ["lsq:2", "lsq:8"])
    )
    narrow, wide = (sample(space, generator(3, 0, "test")) for space in (two, both))
    trial = dataclasses.replace(complete(0), genome=narrow)
    found = two.decode(narrow)
    trial = dataclasses.replace(trial, units=found.units, policy=found.policy)
    assert both.decode(genome_in(both, trial)) == found, "weights are asked for there, not here"
    other = both.decode(wide)
    assert any(method.bits == 8 for site, method in other.policy if site.role == "weight")
    trial = dataclasses.replace(trial, genome=wide, units=other.units, policy=other.policy)
    with pytest.raises(InvalidGenome):
        genome_in(two, trial)


def test_who_answers_alike() -> None:
    alike: list[tuple[Target, Target, bool]] = [
        (make("onnxruntime-cpu"), make(NPU), True),
        (make("cortex-m4"), make("cortex-m7"), True),
        (make("cortex-m4"), make("onnxruntime-cpu"), False),
        (make("onnxruntime-cuda"), make("onnxruntime-cuda"), True),
        (make("onnxruntime-cuda"), make("onnxruntime-tensorrt"), False),
        (make("onnxruntime-cuda"), make("onnxruntime-cpu"), False),
        (Shallow(), OnnxRuntimeCpu(), False),
    ]
    assert [answer_alike(a, b) for a, b, _ in alike] == [same for *_, same in alike]
