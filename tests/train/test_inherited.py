"""Candidates that start from the weights of a recorded trial."""

import dataclasses
from pathlib import Path

import pytest
import torch

from bitwright.execute.base import Job, Workbench
from bitwright.execute.place import Place
from bitwright.execute.weights import weights_file
from bitwright.testing.evaluators import workbench
from bitwright.train.inherited import InheritedEvaluator
from bitwright.train.netfile import read_net

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    made = workbench(tmp_path)
    long = made.budget.model_copy(update={"epochs": 6.0, "images": None})
    return dataclasses.replace(made, budget=long, tuning=1 / 6)


@pytest.fixture
def parent(bench: Workbench) -> Job:
    return Job(0, 0, bench.space.fill(lambda choice: choice.options[0]), seed=1)


@pytest.fixture
def child(bench: Workbench) -> Job:
    return Job(1, 1, bench.space.fill(lambda choice: choice.options[-1]), seed=2, relative=0)


def test_a_child_tunes_what_its_relative_learned(bench: Workbench, parent: Job, child: Job) -> None:
    evaluator = InheritedEvaluator(bench)
    first = evaluator.evaluate(parent, Place())
    assert (first.state, first.relative) == ("complete", None)
    assert [point[0] for point in first.curve] == [1, 2, 3, 4, 5, 6]
    found = evaluator.evaluate(child, Place())
    assert (found.state, found.relative, found.reason) == ("complete", 0, None)
    assert [point[0] for point in found.curve] == [1.0]
    alone = evaluator.evaluate(dataclasses.replace(child, number=2, relative=None), Place())
    short = bench.budget.part(bench.tuning)
    fresh = InheritedEvaluator(dataclasses.replace(bench, budget=short))
    untaught = fresh.evaluate(dataclasses.replace(child, number=3, relative=None), Place())
    assert len(alone.curve) == 6
    assert found.curve[0][1] < untaught.curve[0][1], "it learned no faster than from nothing"


def test_a_later_stage_starts_from_the_weights_of_the_one_before(
    bench: Workbench, parent: Job, child: Job
) -> None:
    evaluator = InheritedEvaluator(dataclasses.replace(bench, tuning=1.0))
    assert evaluator.evaluate(dataclasses.replace(parent, fidelity=0.5), Place()).fidelity == 1.0
    first = evaluator.evaluate(dataclasses.replace(child, fidelity=0.5), Place())
    later = evaluator.evaluate(dataclasses.replace(child, number=2, goes_on=1), Place())
    assert (first.fidelity, len(first.curve)) == (0.5, 3)
    assert (later.fidelity, len(later.curve), later.goes_on) == (1.0, 6, 1)
    assert later.curve[0][1] < first.curve[0][1], "it began where the first stage did"


def test_what_is_kept_is_what_was_exported(bench: Workbench, parent: Job) -> None:
    outcome = InheritedEvaluator(bench).evaluate(parent, Place())
    net, about = read_net(weights_file(bench.folder, 0), CPU)
    assert about == {"trial": "0"}
    assert bench.shop.score(net, bench.shop.held) == pytest.approx(
        outcome.metric("accuracy"), abs=0.01
    )


def test_lost_weights_are_a_failure_that_says_what_to_do(bench: Workbench, child: Job) -> None:
    found = InheritedEvaluator(bench).evaluate(child, Place())
    assert found.state == "failed"
    assert found.reason is not None
    assert "00000.pt" in found.reason and "start the study anew" in found.reason


def test_a_broken_file_is_told_too(bench: Workbench, child: Job) -> None:
    path = weights_file(bench.folder, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 no network")
    found = InheritedEvaluator(bench).evaluate(child, Place())
    assert found.state == "failed" and "cannot be read" in (found.reason or "")
