"""Whole studies on real digits, as small as they can be: what ends them and what comes out."""

import json
from pathlib import Path
from typing import Any, Self

import pytest

from bitwright.control.random import RandomController
from bitwright.errors import BitwrightError, ConfigError, InfeasibleError, StoreError, TargetError
from bitwright.execute.base import Job
from bitwright.graph import Graph
from bitwright.measure.cost import costs
from bitwright.records import Genome, Measurement, Outcome
from bitwright.report.json_view import as_json
from bitwright.space.units import UNITS, UnitKind
from bitwright.study.folder import Folder
from bitwright.study.session import run, search, sensitivity, view
from bitwright.study.store import Store
from bitwright.study.view import SensitivityRow, StoppedBy
from bitwright.study.watch import Plan, Watcher
from bitwright.targets.base import TARGETS
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu

pytestmark = pytest.mark.usefixtures("one_thread")

TWO_METHODS = {"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]}
PROBE = {"epochs": 0.5, "images": 50, "tune_steps": 1}


class Diary(Watcher):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def planned(self, plan: Plan, done: tuple[Outcome, ...]) -> None:
        self.heard.append(f"planned {plan.iterations}x{plan.batch} after {len(done)}")

    def phase(self, name: str, detail: str = "") -> None:
        self.heard.append(name)

    def sensitivity(self, rows: tuple[SensitivityRow, ...], removed: tuple[str, ...]) -> None:
        self.heard.append(f"judged {len(rows)}, removed {len(removed)}")

    def trial_started(self, job: Job) -> None:
        self.heard.append(f"start {job.number}")

    def progress(self, done: int, total: int, loss: float) -> None:
        if self.heard[-1] != "progress":
            self.heard.append("progress")

    def trial_done(self, outcome: Outcome) -> None:
        self.heard.append(f"done {outcome.number}")

    def search_done(self, stopped_by: StoppedBy) -> None:
        self.heard.append(f"search done: {stopped_by}")


def test_the_iteration_limit_ends_a_study(config: Any, tmp_path: Path) -> None:
    found = run(config(search__iterations=3), tmp_path / "study")
    assert (found.state, found.stopped_by) == ("finished", "iterations")
    assert [outcome.iteration for outcome in found.outcomes] == [0, 0, 1, 1, 2, 2]


def test_convergence_ends_a_study(config: Any, tmp_path: Path) -> None:
    found = run(
        config(
            search__iterations=50,
            search__convergence={"window": 3, "threshold": 0.9},
            reward__metrics={"accuracy": {"weight": 0.01}},
        ),
        tmp_path / "study",
    )
    assert (found.state, found.stopped_by) == ("finished", "converged")
    assert len(found.outcomes) == 6


def test_time_ends_a_study_after_a_whole_iteration(config: Any, tmp_path: Path) -> None:
    study = config(search__iterations=50, search__minutes=0.0001)
    found = run(study, tmp_path / "study")
    assert (found.state, found.stopped_by) == ("finished", "time")
    assert len(found.outcomes) == 2


def test_time_spent_on_sensitivity_counts(config: Any, tmp_path: Path) -> None:
    study = config(
        quantization=TWO_METHODS, sensitivity=PROBE, search__minutes=0.0001, search__iterations=9
    )
    found = run(study, tmp_path / "study")
    assert found.stopped_by == "time"
    assert len(found.outcomes) == 2, "one iteration at the least, or there is no network"


@pytest.mark.parametrize("rule", ["best", "last"])
def test_the_result_is_the_best_or_the_last(rule: str, config: Any, tmp_path: Path) -> None:
    found = run(config(search__iterations=3, search__result=rule), tmp_path / "study")
    candidates = [o for o in found.outcomes if rule == "best" or o.iteration == 2]
    chosen = max(candidates, key=lambda outcome: outcome.reward)
    assert found.final is not None and found.best is not None
    assert found.final.trial == found.best.trial == chosen.number
    assert found.final.genome == chosen.genome


def test_another_final_budget_trains_winner_and_baseline_anew(config: Any, tmp_path: Path) -> None:
    """After a search one may find that its network deserves more; no candidate is trained again."""
    first = run(config(final__epochs=1, baseline=True), tmp_path / "study")
    more = run(config(final__epochs=2, baseline=True), tmp_path / "study")
    assert more.outcomes == first.outcomes
    for name in ("final", "baseline"):
        before, after = getattr(first, name), getattr(more, name)
        assert after.genome == before.genome
        assert (before.curve[-1][0], after.curve[-1][0]) == (1, 2)
    assert run(config(final__epochs=2, baseline=True), tmp_path / "study").final == more.final


def test_fixed_mode_searches_structures_only(config: Any, tmp_path: Path) -> None:
    policy = {"weights": "lsq:4", "activations": "lsq:8"}
    found = run(
        config(quantization={"mode": "fixed", "policy": policy}, search__iterations=3),
        tmp_path / "study",
    )
    methods = {str(method) for outcome in found.outcomes for _, method in outcome.policy}
    assert methods == {"lsq:4:channel", "lsq:8:tensor"}
    assert len({outcome.genome for outcome in found.outcomes}) > 1


def test_joint_mode_searches_policies_too(config: Any, tmp_path: Path) -> None:
    found = run(config(search__iterations=3), tmp_path / "study")
    assert len({outcome.policy for outcome in found.outcomes}) > 1


def test_pinned_first_and_last_layers_keep_their_method(config: Any, tmp_path: Path) -> None:
    pinned = {"weights": "uniform:8", "activations": "affine:8"}
    found = run(config(quantization={"first_last": pinned}), tmp_path / "study")
    for outcome in found.outcomes:
        policy = {str(site): str(method) for site, method in outcome.policy}
        assert policy["stem/0.weight"] == policy["head.weight"] == "uniform:8:channel"
        assert policy["stem/0.activation"] == "affine:8:tensor"
        assert not policy["body/0.weight"].startswith("uniform")


@pytest.mark.parametrize("transform", ["linear", "exponential", "hinge"])
def test_every_reward_transform_scores_what_was_measured(
    transform: str, config: Any, tmp_path: Path
) -> None:
    metrics = {
        "accuracy": {"weight": 1.0},
        "packed_bytes": {"weight": 0.1, "reference": 500.0},
        "bitops": {"weight": 0.1, "reference": 1e5},
    }
    study = config(reward={"transform": transform, "metrics": metrics})
    found = run(study, tmp_path / "study")
    for outcome in found.outcomes:
        accuracy, size, work = (outcome.metric(name) or 0.0 for name in metrics)
        costs = (size / 500, work / 1e5)
        expected = {
            "linear": accuracy - 0.1 * sum(costs),
            "exponential": accuracy * (costs[0] * costs[1]) ** -0.1,
            "hinge": accuracy - 0.1 * sum(max(0.0, cost - 1) for cost in costs),
        }[transform]
        assert outcome.reward == pytest.approx(expected)


def test_a_reward_with_latency_times_every_candidate(config: Any, tmp_path: Path) -> None:
    metrics = {"accuracy": {}, "latency_ms": {"weight": 0.1, "reference": 0.1}}
    found = run(config(reward__metrics=metrics, search__iterations=1), tmp_path / "study")
    for outcome in found.outcomes:
        measured = dict(outcome.metrics)["latency_ms"]
        assert measured.value > 0 and measured.spread is not None
        assert dict(measured.context)["threads"] == "1"


def test_a_reward_on_what_no_run_of_this_target_gives_is_refused(
    config: Any, tmp_path: Path
) -> None:
    study = config(reward__metrics={"accuracy": {}, "cycles": {"weight": 0.1}})
    said = r"\[reward.metrics\] 'cycles' is not measured on target 'onnxruntime-cpu', which gives"
    with pytest.raises(ConfigError, match=said):
        run(study, tmp_path / "study")


def test_nothing_stays_of_a_study_that_is_refused(config: Any, tmp_path: Path) -> None:
    refused = config(reward__metrics={"accuracy": {}, "cycles": {"weight": 0.1}})
    with pytest.raises(ConfigError, match="'cycles' is not measured"):
        run(refused, tmp_path / "study")
    assert not (tmp_path / "study").exists()
    mine = tmp_path / "study" / "notes.txt"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(ConfigError, match="'cycles' is not measured"):
        run(refused, tmp_path / "study")
    assert list((tmp_path / "study").iterdir()) == [mine]


def test_nothing_stays_in_a_common_storage_of_a_study_that_is_refused(
    config: Any, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    kept = run(config(storage=url, search__iterations=1), tmp_path / "kept")
    metrics = {"accuracy": {}, "cycles": {"weight": 0.1}}
    with pytest.raises(ConfigError, match="'cycles' is not measured"):
        run(config(storage=url, reward__metrics=metrics), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    with pytest.raises(StoreError, match="no study 'refused'"):
        Store.open_existing(url, "refused")
    assert view(tmp_path / "kept").outcomes == kept.outcomes


class Counting(OnnxRuntimeCpu):
    """A processor that takes a cycle for each MAC, and "heat", which only it knows of."""

    metrics = (*OnnxRuntimeCpu.metrics, "cycles", "heat")
    timed = False

    def counted(self, graph: Graph) -> dict[str, float]:
        return {"cycles": float(costs(graph)["macs"])}

    def measure(self, path: Path) -> dict[str, Measurement]:
        found = {"latency_ms": 1.5, "file_bytes": float(path.stat().st_size), "heat": 3.0}
        return {name: Measurement(value) for name, value in found.items()}


def test_metrics_of_a_target_are_rewarded_recorded_and_shown(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS._entries, "counting", Counting)
    with pytest.raises(ConfigError, match=r"'cycles' is measured on: .*counting"):
        run(config(limits={"cycles": 1e6}), tmp_path / "none")
    metrics = {"accuracy": {}, "cycles": {"weight": 0.1, "reference": 1e4}, "heat": {"weight": 1}}
    study = config(target="counting", reward={"transform": "linear", "metrics": metrics})
    run(study, tmp_path / "study")
    found = view(tmp_path / "study")
    for outcome in found.outcomes:
        cycles, accuracy = outcome.metric("cycles"), outcome.metric("accuracy")
        assert cycles == outcome.metric("macs") and accuracy is not None
        assert outcome.reward == pytest.approx(accuracy - 0.1 * cycles / 1e4 - 3)
    assert found.final is not None and found.final.measured["cycles"] == found.final.macs
    told = as_json(found)
    assert told["final"]["metrics"]["heat"] == told["best"]["metrics"]["heat"] == 3
    page = (tmp_path / "study/report.html").read_text()
    assert "Cycles" in page and "Heat" in page


class Dense(OnnxRuntimeCpu):
    """A processor without depthwise convolutions."""

    def lacks(self, graph: Graph) -> str | None:
        grouped = any(node.groups > 1 for node in graph.nodes)
        return "its array has no depthwise convolution" if grouped else None


def test_what_the_target_has_no_layers_for_leaves_the_space_and_is_told(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS._entries, "dense", Dense)
    told: list[str] = []

    class Listening(Diary):
        def left_out(self, lines: tuple[str, ...]) -> None:
            told.extend(lines)

    run(config(target="dense", search__iterations=3, baseline=True), tmp_path / "a", Listening())
    reason = "its array has no depthwise convolution"
    assert told == [f"body depthwise_separable: {reason}", f"8-bit baseline: {reason}"]
    found = view(tmp_path / "a")
    assert found.removed == tuple(told)
    assert {unit.kind for one in found.outcomes for unit in one.units} == {"conv", "classifier"}
    assert found.final is not None and found.baseline is None
    assert reason in (tmp_path / "a" / "report.html").read_text()
    stages = [{"name": "stem"}, {"name": "body", "kinds": ["depthwise_separable"]}]
    with pytest.raises(TargetError, match="stage 'body' would be empty without what the target"):
        run(config(target="dense", space={"stages": stages}), tmp_path / "b")


class Clocked(Counting):
    """A processor whose clock a file tells, in MHz."""

    name = "clocked"
    argument = "a file with its clock in MHz"

    def __init__(self, clock: str) -> None:
        self.clock = clock

    @classmethod
    def of(cls, argument: str) -> Self:
        return cls(Path(argument).read_text())

    @property
    def fingerprint(self) -> str:
        return self.clock


def test_a_study_does_not_go_on_with_a_target_that_was_described_anew(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS._entries, "clocked", Clocked)
    clock = tmp_path / "clock.txt"
    clock.write_text("100")
    run(config(target=f"clocked:{clock}"), tmp_path / "study")
    longer = config(target=f"clocked:{clock}", search__iterations=3)
    clock.write_text("400")
    with pytest.raises(ConfigError, match="was begun for another target than 'clocked:"):
        run(longer, tmp_path / "study")
    clock.write_text("100")
    assert len(run(longer, tmp_path / "study").outcomes) == 6


def test_a_hard_limit_refuses_candidates_before_training(config: Any, tmp_path: Path) -> None:
    found = run(config(limits={"packed_bytes": 450}, search__iterations=4), tmp_path / "study")
    refused = [outcome for outcome in found.outcomes if outcome.state == "infeasible"]
    assert refused and len(refused) < len(found.outcomes)
    for outcome in refused:
        assert outcome.reason is not None
        assert outcome.reason.startswith("packed_bytes ")
        assert outcome.reason.endswith(" is over the limit 450")
        assert outcome.reward < 0
        assert [name for name, _ in outcome.seconds] == ["propose", "build"]
    assert found.best is not None and (found.best.packed_bytes or 0) <= 450


def test_an_accuracy_limit_is_judged_after_training(config: Any, tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="none of 4 candidates is complete"):
        run(config(limits={"accuracy": 0.999}), tmp_path / "study")
    for outcome in view(tmp_path / "study").outcomes:
        assert outcome.reason is not None and "is under the limit 0.999" in outcome.reason
        assert "train" in dict(outcome.seconds)
    assert not list((tmp_path / "study/trials").iterdir()), "nothing of refused trials is kept"


def test_divergence_makes_a_candidate_infeasible_and_the_study_goes_on(
    config: Any, tmp_path: Path
) -> None:
    study = config(train__learning_rate=1e6, train__epochs=20)
    with pytest.raises(InfeasibleError, match="none of 4 candidates is complete"):
        run(study, tmp_path / "study")
    found = view(tmp_path / "study")
    assert found.state == "interrupted"
    assert found.stopped_by == "iterations"
    assert found.best is found.final is None
    assert [outcome.state for outcome in found.outcomes] == ["infeasible"] * 4
    for outcome in found.outcomes:
        assert outcome.reason is not None and outcome.reason.startswith("training diverged: ")
        assert outcome.reward < 0
    with pytest.raises(InfeasibleError):  # and again without any work
        run(study, tmp_path / "study")
    assert len(view(tmp_path / "study").outcomes) == 4


@pytest.fixture
def fragile_kind(monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's own kind of unit that breaks when a network of two of them is built."""
    conv = UNITS.get("conv")

    def expand(build: Any, spec: Any, methods: Any) -> None:
        conv.expand(build, spec, methods)
        if spec.path == "body/1":
            raise ZeroDivisionError("a user's mistake")

    monkeypatch.setattr(UNITS, "_entries", dict(UNITS._entries))
    UNITS.register("fragile", UnitKind("fragile", expand, ("kernel",)))
    return "fragile"


def test_a_crash_is_recorded_whole_and_the_study_goes_on(
    fragile_kind: str, config: Any, settings: Any, tmp_path: Path
) -> None:
    stages = settings()["space"]["stages"]
    stages[1]["kinds"] = [fragile_kind]
    found = run(config(space={"stages": stages}, search__iterations=4), tmp_path / "study")
    failed = [outcome for outcome in found.outcomes if outcome.state == "failed"]
    assert failed and len(failed) < len(found.outcomes)
    for outcome in failed:
        assert outcome.reason == "ZeroDivisionError: a user's mistake"
        assert outcome.traceback is not None
        assert "Traceback (most recent call last):" in outcome.traceback
        assert "in expand" in outcome.traceback
        assert outcome.reward == -1
    assert found.state == "finished"


class Stubborn(RandomController):
    """A user's own controller: it proposes one genome for ever, and cannot learn."""

    def propose(self, number: int, rng: Any) -> Genome:
        space: Any = self._space
        return space.fill(lambda choice: choice.options[-1])  # type: ignore[no-any-return]

    def learn(self, outcomes: Any) -> None:
        if len(self._seen) > 0:
            raise RuntimeError("I never change")
        super().learn(outcomes)


def test_a_users_controller_is_named_by_its_class_path_and_its_crash_loses_nothing(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "my_controllers.py"
    module.write_text("class Stubborn: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="name a subclass of bitwright's Controller"):
        run(config(search__controller="my_controllers:Stubborn"), tmp_path / "study")
    import my_controllers

    monkeypatch.setattr(my_controllers, "Stubborn", Stubborn)
    study = config(search__controller="my_controllers:Stubborn", search__iterations=3)
    with pytest.raises(RuntimeError, match="I never change"):
        run(study, tmp_path / "study")
    found = view(tmp_path / "study")
    assert (found.state, found.stopped_by, len(found.outcomes)) == ("interrupted", None, 4)
    assert len({outcome.genome for outcome in found.outcomes}) == 1


def test_the_filter_removes_methods_from_every_genome(config: Any, tmp_path: Path) -> None:
    study = config(
        quantization={"weights": ["lsq:1", "lsq:8"], "activations": ["lsq:8"]},
        sensitivity={**PROBE, "epochs": 4, "keep": 1},
        search__iterations=4,
    )
    found = run(study, tmp_path / "study")
    removed = [row for row in found.sensitivity if not row.kept]
    assert {(row.unit, row.role) for row in removed} == {
        (kind, "weight") for kind in ("conv", "depthwise_separable", "classifier")
    }
    assert found.removed == tuple(
        f"{row.unit} weight {row.method}: rank 2, the 1 least sensitive stay" for row in removed
    )
    gone = {(row.unit, row.method) for row in removed}
    assert found.outcomes
    for outcome in found.outcomes:
        kinds = {unit.path: unit.kind for unit in outcome.units}
        for site, method in outcome.policy:
            assert (kinds[site.unit], str(method)) not in gone


def test_in_fixed_mode_the_filter_removes_kinds_of_unit(
    config: Any, settings: Any, tmp_path: Path
) -> None:
    stages = settings()["space"]["stages"]
    stages[1] |= {"kinds": ["conv", "depthwise_separable", "residual"], "depth": [1]}
    study = config(
        space={"stages": stages},
        quantization={
            "mode": "fixed",
            "policy": {"weights": "lsq:1", "activations": "lsq:8"},
            "weights": ["lsq:8"],
        },
        sensitivity={**PROBE, "epochs": 4, "threshold": -1.0},  # so that nothing passes
        search__iterations=3,
    )
    found = run(study, tmp_path / "study")
    gone = {row.unit for row in found.sensitivity if not row.kept}
    assert gone and gone <= {"depthwise_separable", "residual"}, "the stem needs conv"
    spared = [row for row in found.sensitivity if "a stage needs a kind" in row.reason]
    assert all(row.kept for row in spared) and "conv" in {row.unit for row in spared}
    kinds = {unit.kind for outcome in found.outcomes for unit in outcome.units}
    assert not kinds & gone


def test_sensitivity_is_measured_once_and_filters_can_be_tried_out(
    config: Any, tmp_path: Path
) -> None:
    first = config(quantization=TWO_METHODS, sensitivity={**PROBE, "keep": 1})
    rows = sensitivity(first, tmp_path / "study")
    diary = Diary()
    looser = config(quantization=TWO_METHODS, sensitivity={**PROBE, "threshold": 9.0})
    again = sensitivity(looser, tmp_path / "study", diary)
    assert "sensitivity" not in diary.heard and "progress" not in diary.heard
    assert [row.loss for row in again] == [row.loss for row in rows]
    assert any(not row.kept for row in rows) and all(row.kept for row in again)
    finer = config(quantization=TWO_METHODS, sensitivity={**PROBE, "images": 60})
    diary = Diary()
    sensitivity(finer, tmp_path / "study", diary)
    assert "sensitivity" in diary.heard


def test_sensitivity_can_be_looked_at_without_a_filter(config: Any, tmp_path: Path) -> None:
    off = {**PROBE, "keep": 1, "enabled": False}
    rows = sensitivity(config(quantization=TWO_METHODS, sensitivity=off), tmp_path / "study")
    assert rows and all(row.kept and "the filter is off" in row.reason for row in rows)
    found = run(config(quantization=TWO_METHODS, sensitivity=off), tmp_path / "study")
    assert found.sensitivity == rows and found.removed == ()
    methods = {str(method) for outcome in found.outcomes for _, method in outcome.policy}
    assert methods == {"lsq:2:channel", "lsq:8:channel", "lsq:8:tensor"}


def test_watchers_hear_of_everything_in_order(config: Any, tmp_path: Path) -> None:
    study = config(quantization=TWO_METHODS, sensitivity=PROBE, baseline=True, search__iterations=1)
    diary = Diary()
    rows = run(study, tmp_path / "study", diary).sensitivity
    trial = ["start {}", "progress", "done {}"]
    removed = sum(not row.kept for row in rows)
    assert diary.heard == [
        "data",
        "sensitivity",
        "progress",
        f"judged {len(rows)}, removed {removed}",
        "planned 1x2 after 0",
        "search",
        *[word.format(0) for word in trial],
        *[word.format(1) for word in trial],
        "search done: iterations",
        "final",
        "progress",
        "baseline",
        "progress",
        "report",
    ]


def test_files_of_beaten_trials_are_deleted(config: Any, tmp_path: Path) -> None:
    found = run(config(search__iterations=6), tmp_path / "study")
    kept = {entry.model for entry in found.pareto} | {found.best.model if found.best else None}
    left = {f"trials/{path.name}" for path in (tmp_path / "study/trials").iterdir()}
    assert len(left) < len(found.outcomes)
    assert left >= kept


def test_changed_settings_are_refused_once_there_are_trials(config: Any, tmp_path: Path) -> None:
    run(config(), tmp_path / "study")
    before = view(tmp_path / "study")
    for change, words in {
        "search__seed": (7, "search.seed = 0, now it is 7"),
        "train__epochs": (1.5, "train.epochs = 0.5, now it is 1.5"),
        "search__options": ({"batch": 3}, "search.options.batch = 2, now it is 3"),
        "limits": ({"packed_bytes": 9.0}, "limits.packed_bytes = None, now it is 9.0"),
    }.items():
        with pytest.raises(ConfigError) as caught:
            run(config(**{change: words[0]}), tmp_path / "study")
        assert words[1] in str(caught.value)
        assert "--out" in str(caught.value)
    assert view(tmp_path / "study") == before


def test_a_mistake_can_be_mended_in_the_same_folder(config: Any, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "search__controller": "evolutoin",
        "search__options": {"bathc": 2},
        "space": {"stages": [{"name": "a", "kinds": ["max_pool"], "stride": [1]}]},
        "data": "digit",
    }
    for key, value in wrong.items():
        with pytest.raises(BitwrightError, match=r"did you mean|no network"):
            run(config(**{key: value}), tmp_path / "study")
    assert run(config(), tmp_path / "study").state == "finished"


def test_a_moved_folder_is_still_the_study(config: Any, tmp_path: Path) -> None:
    run(config(), tmp_path / "study")
    (tmp_path / "study").rename(tmp_path / "elsewhere")
    assert len(view(tmp_path / "elsewhere").outcomes) == 4
    more = run(config(search__iterations=3), tmp_path / "elsewhere")
    assert len(more.outcomes) == 6


def test_a_folder_may_have_any_name(config: Any, tmp_path: Path) -> None:
    folder = tmp_path / "my runs" / "50 % of {all} #1"
    run(config(search__iterations=1), folder)
    assert len(view(folder).outcomes) == 2
    assert (folder / "study.db").exists()
    with pytest.raises(StoreError, match=r"has a '\?' in it.*--out"):
        run(config(), tmp_path / "really?")
    assert not (tmp_path / "really").exists()


def test_a_study_may_lie_in_another_database(config: Any, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/shared.db"
    study = config(storage=storage)
    run(study, tmp_path / "one")
    run(study, tmp_path / "two")
    assert len(view(tmp_path / "one").outcomes) == len(view(tmp_path / "two").outcomes) == 4
    assert not (tmp_path / "one/study.db").exists()


def test_two_programs_do_not_share_a_folder(config: Any, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "study")
    folder.make()
    with folder.locked(), pytest.raises(ConfigError, match=r"another bitwright works in '.*study'"):
        run(config(), folder.path)
    assert run(config(), folder.path).state == "finished"


def test_a_study_that_runs_says_so(config: Any, tmp_path: Path) -> None:
    states = []

    class Looking(Watcher):
        def trial_done(self, outcome: Outcome) -> None:
            states.append(view(tmp_path / "study").state)

    run(config(search__iterations=1), tmp_path / "study", Looking())
    assert states == ["running", "running"]


def test_there_is_no_study_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such study; run 'bitwright search'"):
        view(tmp_path)


def test_the_environment_and_the_settings_are_recorded(config: Any, tmp_path: Path) -> None:
    found = run(config(), tmp_path / "study")
    environment = dict(found.environment)
    assert environment["images"] == "1295 to train on, 143 held out, 359 to test on"
    assert environment["device"] == "cpu"
    assert found.settings == config().to_yaml() == (tmp_path / "study/study.yaml").read_text()


def test_search_takes_a_value_a_mapping_or_a_file(
    config: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = search(settings(search__iterations=1))
    assert view(tmp_path / "runs/study") == one
    (tmp_path / "mine.yaml").write_text(json.dumps(settings(search__iterations=1)))
    two = search("mine.yaml")
    assert view("mine.yaml") == view("runs/mine") == two
    three = search(config(search__iterations=1), out="there")
    assert view("there") == three
    assert [o.genome for o in one.outcomes] == [o.genome for o in three.outcomes]
