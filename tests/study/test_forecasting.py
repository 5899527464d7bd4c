"""A dry run counts what a run then does, times real steps, and leaves the folder as it is."""

import re

import pytest

from bitwright.errors import ConfigError, InfeasibleError, MeasurementError
from bitwright.measure.cost import costs
from bitwright.study import forecasting, session
from bitwright.study.forecasting import forecast
from bitwright.study.watch import Watcher
from bitwright.targets.base import TARGETS
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu

pytestmark = pytest.mark.usefixtures("one_thread")
PROBED = {
    "sensitivity": {"epochs": 0.5, "images": 50, "tune_steps": 1, "keep": 1},
    "quantization": {"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]},
}
MOST_MACS = 4000  # which about half of the space's networks keep to
BROKEN = re.compile(r"(\d+) break a limit")


class Small(OnnxRuntimeCpu):
    """Its tools take the smaller networks only."""

    name = "small"

    def foretold(self, graph, needs):
        if costs(graph)["macs"] > MOST_MACS:
            raise MeasurementError("a network that is too large")
        return super().foretold(graph, needs)


class Questions(Watcher):
    """Counts what sensitivity asks."""

    total = 0

    def progress(self, done, total, loss):
        if not loss:
            self.total = max(self.total, total)


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def phases(found):
    return {phase.name: phase for phase in found.phases}


def test_a_dry_run_writes_nothing_and_counts_what_a_run_does(tmp_path, config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = config(baseline=True, **PROBED)
    found = forecast(settings, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    assert (found.study, found.recorded) == ("run", 0)
    told = phases(found)
    assert list(told) == ["sensitivity", "search", "winner", "baseline"]
    assert "2 iterations x 2 = 4 candidates, each 2 steps of 64" in told["search"].what
    assert told["winner"].what.startswith("8 steps of 64")
    for phase in found.phases:
        assert 0 < phase.time.low <= phase.time.likely <= phase.time.high
    assert found.memory_bytes > 50e6

    questions = Questions()
    session.sensitivity(settings, tmp_path / "run", questions)
    assert f" {questions.total} methods tried" in told["sensitivity"].what
    view = session.run(settings, tmp_path / "run")
    assert len(view.outcomes) == 4
    assert phases(forecast(settings, tmp_path / "run"))["sensitivity"].what == "measured already"


def test_several_finalists_are_told_in_the_winners_place(tmp_path, config):
    told = phases(forecast(config(finalists=4, **PROBED), tmp_path))
    assert "winner" not in told
    assert told["finalists"].what.startswith("at most 4, each 8 steps of 64")


def test_what_is_recorded_is_not_run_again(tmp_path, config):
    session.run(config(), tmp_path)
    before = contents(tmp_path)
    found = forecast(config(search__iterations=3), tmp_path)
    assert contents(tmp_path) == before
    assert found.recorded == 4
    fresh = forecast(config(search__iterations=3), tmp_path / "new")
    assert phases(found)["search"].time.high < phases(fresh)["search"].time.high
    with pytest.raises(ConfigError, match=r"was started with train\.batch = 64, now it is 32"):
        forecast(config(train__batch=32), tmp_path)


@pytest.fixture
def one_pace(monkeypatch):
    """Candidates are timed once, so that nothing else on the machine sets two forecasts apart."""
    measure, paces = forecasting._pace, []

    def pace(*args):
        if not paces:
            paces.append(measure(*args))
        return paces[0]

    monkeypatch.setattr(forecasting, "_pace", pace)


@pytest.mark.usefixtures("one_pace")
def test_stages_are_counted_each_with_its_own_steps(tmp_path, config):
    changes = {"train__epochs": 9, "search__iterations": 26, "search__options": {"batch": 1}}
    three = config(**changes, search__halving={"eta": 3, "rungs": 3})
    staged = phases(forecast(three, tmp_path))["search"]
    assert staged.what.endswith(
        "26 trials in stages, some 18 x 4 steps, 6 x 9 steps, 2 x 27 steps of 64"
    )
    whole = phases(forecast(config(**changes), tmp_path))["search"]
    assert "each 36 steps of 64" in whole.what
    assert staged.time.high < whole.time.low


@pytest.mark.usefixtures("one_pace")
def test_stages_of_inherited_weights_are_parts_of_a_tuning(tmp_path, config):
    changes = {
        "train__epochs": 9,
        "search__iterations": 13,
        "search__options": {"batch": 2},
        "search__evaluator": "inherited",
    }
    stages = {"search__tuning": 0.5, "search__halving": {"eta": 5, "rungs": 2}}
    staged = phases(forecast(config(**changes, **stages), tmp_path))["search"]
    assert staged.what.endswith(
        "26 trials in stages, some 2 x 36 steps, 20 x 4 steps, 4 x 18 steps of 64"
    )
    at_once = phases(forecast(config(**changes, search__tuning=0.5), tmp_path))["search"]
    assert "each 36 steps of 64, 18 with the weights of trials before" in at_once.what
    assert staged.time.likely < 0.7 * at_once.time.likely


def test_a_teacher_is_counted_until_it_is_there(tmp_path, config):
    taught = config(distill={"where": "final", "train": {"epochs": 1, "batch": 64}})
    told = phases(forecast(taught, tmp_path))
    assert "teacher" not in phases(forecast(config(), tmp_path))
    assert told["teacher"].what.endswith("steps of 64")
    assert told["teacher"].time.likely > 0
    session.run(taught, tmp_path)
    assert phases(forecast(taught, tmp_path))["teacher"].what == "trained already"


def test_a_time_limit_caps_the_search(tmp_path, config):
    long = config(search__iterations=100_000, search__minutes=0.05)
    told = forecast(long, tmp_path)
    search = phases(told)["search"]
    assert 3.0 <= search.time.likely < 60
    assert any("search.minutes ends the search after 0.05 minutes" in note for note in told.notes)


def test_limits_that_no_candidate_keeps_are_told_before_hours_are_spent(tmp_path, config):
    with pytest.raises(InfeasibleError, match="each of 60 random candidates breaks a limit"):
        forecast(config(limits={"packed_bytes": 1.0}), tmp_path / "x")
    some = forecast(config(limits={"packed_bytes": 800.0}), tmp_path / "x")
    assert any("break a limit before they are trained" in note for note in some.notes)


def test_what_loses_bits_instead_is_counted_as_a_candidate(tmp_path, config):
    methods = {"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]}
    plain, fitted = (
        forecast(
            config(quantization=methods, limits={"packed_bytes": 800.0}, search__fit=fit),
            tmp_path / "x",
        )
        for fit in (False, True)
    )
    broken, left = (
        sum(int(found) for note in one.notes for found in BROKEN.findall(note))
        for one in (plain, fitted)
    )
    assert left < broken


def test_what_is_foretold_is_told_where_somebody_asks_for_it(tmp_path, config):
    timed = {"accuracy": {"weight": 1}, "latency_ms": {"weight": 0.1, "reference": 0.1}}
    screened = config(search__screen={"by": "predictor"}, reward={"metrics": timed})
    said = "latency_ms: foretold before training, from single layers"
    for study, told in (
        (config(limits={"latency_ms": 1000.0}), True),
        (screened, True),
        (config(reward={"metrics": timed}), False),
    ):
        notes = forecast(study, tmp_path / "x").notes
        assert any(said in note for note in notes) is told


def test_what_is_foretold_is_told_though_some_networks_are_too_large(tmp_path, config, monkeypatch):
    monkeypatch.setitem(TARGETS._entries, "small", Small)
    timed = {"accuracy": {"weight": 1}, "latency_ms": {"weight": 0.1, "reference": 0.1}}
    changes = {"search__screen": {"by": "predictor"}, "reward": {"metrics": timed}}
    notes = forecast(config(target="small", search__seed=1, **changes), tmp_path / "x").notes
    assert any("latency_ms: foretold before training" in note for note in notes)


def test_the_test_set_is_not_looked_at(tmp_path, config, monkeypatch):
    """A final network is timed on training samples in its place."""
    from bitwright.train.shop import Shop

    looked_at = []
    before = Shop.score_of_file
    monkeypatch.setattr(
        Shop,
        "score_of_file",
        lambda self, path, part: looked_at.append(part) or before(self, path, part),
    )
    forecast(config(), tmp_path / "x")
    from bitwright.tasks.base import make

    test = make(config()).data.test
    assert any(len(part) == len(test) for part in looked_at), "a stand-in of its size is"
    for part in looked_at:
        if len(part) == len(test):
            assert not (part.inputs.numpy() == test.inputs).all()
