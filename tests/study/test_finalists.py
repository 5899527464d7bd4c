"""Several networks that get the final training, and which of them is handed over."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import StudyConfig
from bitwright.control.reward import Reward, Term
from bitwright.errors import InfeasibleError
from bitwright.records import Genome, Measurement, Outcome, UnitSpec
from bitwright.study import finishing
from bitwright.study.finishing import best_of, finalists
from bitwright.study.folder import Folder
from bitwright.study.interrupts import Paused
from bitwright.study.session import run, view
from bitwright.study.view import Entry
from bitwright.study.watch import Watcher
from bitwright.train.final import Finisher

pytestmark = pytest.mark.usefixtures("one_thread")

REWARD = {"accuracy": {"weight": 1}, "packed_bytes": {"weight": 0.1, "reference": 4000}}
METHODS = {"weights": ["lsq:2", "lsq:4", "lsq:8"], "activations": ["lsq:8"]}


class Phases(Watcher):
    """The networks that are trained to the end, as they begin."""

    def __init__(self, stop_at: str = "nowhere") -> None:
        self.heard: list[str] = []
        self._stop_at = stop_at

    def phase(self, name: str, detail: str = "") -> None:
        if name in ("final", "finalist", "baseline"):
            self.heard.append(f"{name} {detail}".strip())
        if detail.endswith(self._stop_at):
            raise Paused


@pytest.fixture
def study(config: Any) -> Any:
    def made(finalists: int, **changes: Any) -> StudyConfig:
        usual = {"reward__metrics": REWARD, "quantization": METHODS, "final__epochs": 2}
        return config(finalists=finalists, search__iterations=3, **{**usual, **changes})

    return made


def test_the_best_of_several_is_handed_over(study: Any, tmp_path: Path) -> None:
    heard = Phases()
    found = run(study(3), tmp_path, heard)
    chosen = finalists(found.outcomes, "best", 3)
    numbers = [outcome.number for outcome in chosen]
    assert heard.heard == [f"finalist trial {n}, {i} of 3" for i, n in enumerate(numbers, 1)]
    assert found.best is not None and numbers[0] == found.best.trial
    assert {entry.trial for entry in found.finalists} == set(numbers)
    rewards = [entry.reward or 0.0 for entry in found.finalists]
    assert rewards == sorted(rewards, reverse=True)
    final, best = found.final, found.finalists[0]
    assert final is not None and (final.label, final.model) == ("winner", "model.onnx")
    assert (final.trial, final.reward, final.proof) == (best.trial, best.reward, best.proof)
    assert (tmp_path / "model.onnx").read_bytes() == (tmp_path / str(best.model)).read_bytes()
    for entry in found.finalists:
        assert entry.model == f"finalists/{entry.trial:05d}.onnx"
        assert (tmp_path / entry.model).stat().st_size == entry.file_bytes
        assert entry.test_accuracy is not None and dict(entry.proof)["differ_from_trained"]
        assert entry.curve[-1][0] == 2


def test_a_study_goes_on_with_those_that_are_missing(study: Any, tmp_path: Path) -> None:
    whole = run(study(3), tmp_path / "whole")
    out = tmp_path / "study"
    with pytest.raises(Paused):
        run(study(3), out, Phases(stop_at="2 of 3"))
    stopped = view(out)
    assert stopped.final is None and len(stopped.finalists) == 1
    again = Phases()
    resumed = run(study(3), out, again)
    assert [told.rpartition(", ")[2] for told in again.heard] == ["2 of 3", "3 of 3"]
    assert resumed.final is not None and whole.final is not None
    assert (resumed.final.trial, resumed.final.reward) == (whole.final.trial, whole.final.reward)
    written = (out / "model.onnx").stat().st_mtime_ns
    idle = Phases()
    assert run(study(3), out, idle).final == resumed.final
    assert idle.heard == [] and (out / "model.onnx").stat().st_mtime_ns == written


def test_a_training_that_was_paused_goes_on_at_its_last_epoch(study: Any, tmp_path: Path) -> None:
    whole = run(study(2), tmp_path / "whole/study")
    out = tmp_path / "study"

    class Pausing(Phases):
        """Asks for a pause once the first finalist trains."""

        def progress(self, done: int, total: int, loss: float) -> None:
            if self.heard:
                Folder(out).ask_pause()

    with pytest.raises(Paused):
        run(study(2), out, Pausing())
    (checkpoint,) = (out / "finalists").iterdir()
    assert checkpoint.name.endswith(".checkpoint.pt")
    resumed = run(study(2), out)
    assert without_times(resumed.final) == without_times(whole.final)
    names = {path.name for path in (out / "finalists").iterdir()}
    assert names == {f"{entry.trial:05d}.onnx" for entry in resumed.finalists}


def without_times(entry: Entry | None) -> Entry:
    assert entry is not None
    return dataclasses.replace(entry, latency_ms=None, latency_spread_ms=None)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_best_in_the_end_is_handed_over_and_no_other(
    place: int, study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finishing, "best_of", lambda entries, reward: entries[place])
    found = run(study(3), tmp_path)
    chosen = finalists(found.outcomes, "best", 3)[place]
    assert found.final is not None and found.final.trial == chosen.number
    file = tmp_path / "finalists" / f"{chosen.number:05d}.onnx"
    assert (tmp_path / "model.onnx").read_bytes() == file.read_bytes()


def test_what_was_trained_is_not_trained_again(study: Any, tmp_path: Path) -> None:
    def trained(count: int, **changes: Any) -> list[str]:
        heard = Phases()
        found = run(study(count, **changes), tmp_path, heard)
        assert found.final is not None and (tmp_path / "model.onnx").exists()
        assert len(found.finalists) == (count if count > 1 else 0)
        if count == 1:
            assert found.best is not None and found.final.trial == found.best.trial
        left = {path.name for path in (tmp_path / "finalists").glob("*")}
        assert left == {f"{entry.trial:05d}.onnx" for entry in found.finalists}
        return [told.rpartition(", ")[2] for told in heard.heard]

    assert len(trained(1)) == 1
    assert trained(2) == ["2 of 2"], "the winner was trained alone"
    assert trained(3) == ["3 of 3"]
    assert trained(2) == []
    assert trained(1) == [], "it is one of them"
    assert trained(3, final__epochs=3) == ["1 of 3", "2 of 3", "3 of 3"]


def test_a_file_that_is_gone_is_made_again(study: Any, tmp_path: Path) -> None:
    found = run(study(2), tmp_path)
    last = found.finalists[1]
    before = (tmp_path / str(last.model)).read_bytes()
    (tmp_path / str(last.model)).unlink()
    heard = Phases()
    again = run(study(2), tmp_path, heard)
    assert len(heard.heard) == 1 and again.final == found.final
    assert (tmp_path / str(last.model)).read_bytes() == before


def test_one_that_diverges_is_left_out(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A rate that candidates bear may be too high for as many steps as the final training has."""
    whole = Finisher.finish
    broken: list[str] = []

    def finish(self: Finisher, label: str, *others: Any, **more: Any) -> Entry:
        if label in broken:
            raise InfeasibleError("the loss is no number")
        return whole(self, label, *others, **more)

    monkeypatch.setattr(Finisher, "finish", finish)
    chosen = finalists(run(study(1), tmp_path / "first").outcomes, "best", 3)
    broken.append(f"trial {chosen[1].number}")
    found = run(study(3), tmp_path / "one")
    assert [entry.trial for entry in found.finalists].count(chosen[1].number) == 0
    assert len(found.finalists) == 2 and found.final is not None
    assert f"trial {chosen[1].number} is no finalist: the loss is no number" in caplog.text
    broken += [f"trial {outcome.number}" for outcome in chosen]
    with pytest.raises(InfeasibleError, match="no number"):
        run(study(3), tmp_path / "all")


@pytest.mark.parametrize("where", ["final", "everywhere"])
def test_those_of_a_supernet_are_cut_out_of_it_and_taught(
    where: str, study: Any, tmp_path: Path
) -> None:
    taught = {"where": where, "train": {"epochs": 1}}
    changes = {
        "search__evaluator": "supernet",
        "supernet": {"train": {"epochs": 1}, "final": "cut"},
        "distill": taught,
        "targets": ["onnxruntime-cpu", "npu:int8"],
    }
    found = run(study(2, **changes), tmp_path)
    assert found.teacher is not None and len(found.finalists) == 2
    assert all("cycles@npu:int8" in entry.measured for entry in found.finalists)


def test_one_that_breaks_a_limit_comes_last() -> None:
    """Times differ from run to run, and a final training may end below an accuracy."""
    reward = Reward("linear", {"accuracy": Term(1.0)}, limits={"latency_ms": 1.0})
    entries = [
        Entry(str(at), Genome(str(at)), (), (), accuracy=accuracy, latency_ms=latency)
        for at, (accuracy, latency) in enumerate([(0.9, 1.5), (0.7, 0.9), (0.8, 1.0), (0.8, 0.5)])
    ]
    assert best_of(entries, reward).label == "2"
    assert best_of(entries[:1], reward).label == "0"
    slower = dataclasses.replace(entries[0], label="slower", accuracy=0.99, latency_ms=3.0)
    assert best_of([slower, entries[0]], reward).label == "0"


def outcome(number: int, accuracy: float, size: float, **changes: Any) -> Outcome:
    units = (UnitSpec("head", "classifier", (("width", number),)),)
    metrics = (("accuracy", Measurement(accuracy)), ("packed_bytes", Measurement(size)))
    usual = {"iteration": 0, "reward": accuracy, "metrics": metrics, "units": units}
    values: dict[str, Any] = {**usual, **changes}
    return Outcome(number=number, genome=Genome(str(number)), state="complete", **values)


def test_finalists_are_the_winner_and_the_best_others_of_the_front() -> None:
    beaten = outcome(3, 0.89, 9000.0)
    outcomes = (
        outcome(0, 0.5, 1000.0),
        outcome(1, 0.9, 8000.0),
        outcome(2, 0.8, 3000.0),
        beaten,
        outcome(4, 0.7, 2000.0),
    )
    assert [one.number for one in finalists(outcomes, "best", 3)] == [1, 2, 4]
    assert [one.number for one in finalists(outcomes, "best", 1)] == [1]
    assert [one.number for one in finalists(outcomes, "best", 20)] == [1, 2, 4, 0]
    with pytest.raises(InfeasibleError):
        finalists((), "best", 3)


def test_a_network_is_a_finalist_once() -> None:
    """Of two trials of one network, whose times differ, neither need beat the other."""
    time = (1.0, 1.2)
    both = [
        dataclasses.replace(one, metrics=(*one.metrics, ("latency_ms", Measurement(time[at]))))
        for at, accuracy in enumerate((0.90, 0.91))
        for one in (outcome(at, accuracy, 1000.0, units=()),)
    ]
    assert [one.number for one in finalists(both, "best", 3)] == [1]


def test_under_the_rule_last_all_are_of_the_last_iteration() -> None:
    outcomes = (
        outcome(0, 0.9, 8000.0),
        outcome(1, 0.6, 2000.0, iteration=1),
        outcome(2, 0.5, 1500.0, iteration=1),
        outcome(3, 0.6, 1000.0),
    )
    assert [one.number for one in finalists(outcomes, "last", 3)] == [1, 2]
