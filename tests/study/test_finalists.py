"""Several networks that get the final training, and which of them is handed over."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import StudyConfig
from bitwright.control.reward import Reward, Term
from bitwright.errors import InfeasibleError
from bitwright.records import Genome, Measurement, Outcome
from bitwright.study.finishing import best_of, finalists
from bitwright.study.interrupts import Paused
from bitwright.study.session import run, view
from bitwright.study.view import Entry
from bitwright.study.watch import Watcher

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


def test_their_number_and_budget_may_change(study: Any, tmp_path: Path) -> None:
    first = run(study(2), tmp_path)
    more = Phases()
    three = run(study(3), tmp_path, more)
    assert [told.rpartition(", ")[2] for told in more.heard] == ["3 of 3"]
    assert {entry.trial for entry in first.finalists} < {entry.trial for entry in three.finalists}
    longer = Phases()
    run(study(3, final__epochs=3), tmp_path, longer)
    assert len(longer.heard) == 3
    alone = run(study(1, final__epochs=3), tmp_path)
    assert alone.finalists == () and not list((tmp_path / "finalists").iterdir())
    assert alone.final is not None and alone.best is not None
    assert alone.final.trial == alone.best.trial


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
    metrics = (("accuracy", Measurement(accuracy)), ("packed_bytes", Measurement(size)))
    values: dict[str, Any] = {"iteration": 0, "reward": accuracy, "metrics": metrics, **changes}
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


def test_under_the_rule_last_all_are_of_the_last_iteration() -> None:
    outcomes = (
        outcome(0, 0.9, 8000.0),
        outcome(1, 0.6, 2000.0, iteration=1),
        outcome(2, 0.5, 1000.0, iteration=1),
    )
    assert [one.number for one in finalists(outcomes, "last", 3)] == [1, 2]
