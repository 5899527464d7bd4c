"""Candidates that are trained in stages, each from the checkpoint of the one before it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from bitwright.execute.base import Job, Workbench
from bitwright.execute.place import Place
from bitwright.execute.weights import checkpoint_file
from bitwright.records import Outcome
from bitwright.testing.evaluators import workbench
from bitwright.train.candidate import ScratchEvaluator

pytestmark = pytest.mark.usefixtures("one_thread")
RUNGS = (1 / 9, 1 / 3, 1.0)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A budget of 2.5 epochs of 4 steps: the rungs end after 1, 3 and 10 of them, within passes."""
    made = workbench(tmp_path)
    return dataclasses.replace(made, budget=made.budget.model_copy(update={"epochs": 2.5}))


@pytest.fixture
def first(bench: Workbench) -> Job:
    return Job(0, 0, bench.space.fill(lambda choice: choice.options[-1]), seed=1, fidelity=RUNGS[0])


def stages(bench: Workbench, first: Job) -> list[Outcome]:
    """Every stage of the candidate, as trials 0, 1, 2, each by an evaluator of its own."""
    found = []
    for number, fidelity in enumerate(RUNGS):
        before = number - 1 if number else None
        job = dataclasses.replace(first, number=number, fidelity=fidelity, goes_on=before)
        found.append(ScratchEvaluator(bench).evaluate(job, Place()))
    return found


class Counted(Place):
    """Counts training steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def between_steps(self) -> None:
        self.steps += 1
        super().between_steps()


def points(outcomes: Sequence[Outcome]) -> list[tuple[float, float | None]]:
    return [(outcome.fidelity, outcome.epochs) for outcome in outcomes]


def test_it_ends_where_training_in_one_go_does_bit_for_bit(bench: Workbench, first: Job) -> None:
    found = stages(bench, first)
    assert [outcome.state for outcome in found] == ["complete"] * 3
    assert points(found) == [(1 / 9, 0.25), (1 / 3, 0.75), (1.0, 2.5)]
    assert [outcome.goes_on for outcome in found] == [None, 0, 1]

    whole = dataclasses.replace(first, number=3, fidelity=1.0)
    at_once = ScratchEvaluator(bench).evaluate(whole, Place())
    assert at_once.curve == found[-1].curve
    assert at_once.metrics == found[-1].metrics
    networks = [
        (bench.folder / str(outcome.model)).read_bytes().replace(b"trial", b"")
        for outcome in (at_once, found[-1])
    ]
    differing = sum(a != b for a, b in zip(*networks, strict=True))
    assert differing <= 1, "only the trial's number stands otherwise in the file"


def test_every_stage_is_measured_and_its_curve_says_so(bench: Workbench, first: Job) -> None:
    for outcome in stages(bench, first):
        assert outcome.curve[-1][2] == outcome.metric("accuracy")
        assert outcome.seed == first.seed
        assert outcome.model is not None and (bench.folder / outcome.model).exists()
    assert not checkpoint_file(bench.folder, 2).exists(), "after the whole budget nothing goes on"


def test_a_stage_trains_its_own_steps_and_those_of_the_cool_down_before_it(
    bench: Workbench, first: Job
) -> None:
    counts = []
    for number, fidelity in enumerate(RUNGS):
        place = Counted()
        before = number - 1 if number else None
        job = dataclasses.replace(first, number=number, fidelity=fidelity, goes_on=before)
        ScratchEvaluator(bench).evaluate(job, place)
        counts.append(place.steps)
    assert counts == [1, 3, 10 - 2]


def test_a_lost_checkpoint_is_a_failure_that_says_what_to_do(bench: Workbench, first: Job) -> None:
    job = dataclasses.replace(first, number=1, fidelity=1 / 3, goes_on=0)
    found = ScratchEvaluator(bench).evaluate(job, Place())
    assert (found.state, found.fidelity, found.goes_on) == ("failed", 1 / 3, 0)
    assert found.reason is not None
    assert "00000.checkpoint.pt" in found.reason and "start the study anew" in found.reason


@pytest.mark.parametrize("broken", ["no checkpoint", "another training", "cut short"])
def test_a_broken_checkpoint_is_told_too(broken: str, bench: Workbench, first: Job) -> None:
    ScratchEvaluator(bench).evaluate(first, Place())
    path = checkpoint_file(bench.folder, 0)
    job = dataclasses.replace(first, number=1, fidelity=1 / 3, goes_on=0)
    if broken == "no checkpoint":
        path.write_bytes(b"PK\x03\x04 no checkpoint")
    elif broken == "cut short":
        path.write_bytes(path.read_bytes()[:2000])
    else:
        job = dataclasses.replace(job, seed=2)
    found = ScratchEvaluator(bench).evaluate(job, Place())
    assert found.state == "failed" and "cannot be read" in (found.reason or "")
    assert found.traceback is not None


def test_a_checkpoint_holds_no_code(bench: Workbench, first: Job) -> None:
    ScratchEvaluator(bench).evaluate(first, Place())
    found = torch.load(checkpoint_file(bench.folder, 0), weights_only=True)
    assert found["seed"] == first.seed
