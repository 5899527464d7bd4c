"""A few steps of everything that a study does, timed: for forecasts, nothing of it is kept."""

import contextlib
import copy
import dataclasses
import logging
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bitwright.config import StudyConfig, TrainConfig
from bitwright.measure.cost import costs
from bitwright.records import Blueprint, Genome
from bitwright.space.joint import JointSpace, expand
from bitwright.tasks.base import Samples, Task
from bitwright.train import final
from bitwright.train.final import JUDGED, Finisher
from bitwright.train.schedule import Schedule, steps_of
from bitwright.train.sensitivity import prober
from bitwright.train.shop import Shop

FEW = 2  # training steps, where what comes after them is timed


@dataclasses.dataclass(frozen=True, slots=True)
class TimedInquiry:
    """What sensitivity does with one kind's network: training steps, then questions of `ask_s`."""

    macs: int
    steps: int
    questions: int
    ask_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class TimedFinal:
    """A final training: its steps and epochs, an epoch's judging, and all that comes beside."""

    steps: int
    epochs: int
    judge_s: float
    other_s: float


def steps(shop: Shop, budget: TrainConfig) -> int:
    """The most steps that a training with this budget takes."""
    return steps_of(budget, shop.batches(budget, seed=0).per_epoch)


def schedules(shop: Shop, budget: TrainConfig, fidelities: Iterable[float]) -> tuple[Schedule, ...]:
    """How trainings go that end after these parts of the budget."""
    per_epoch = shop.batches(budget, seed=0).per_epoch
    return tuple(Schedule.of(budget, per_epoch, fidelity) for fidelity in fidelities)


def time_sensitivity(
    shop: Shop, space: JointSpace, config: StudyConfig
) -> tuple[TimedInquiry, ...]:
    """One question to each kind's network, which was trained for a few steps."""
    asker = prober(shop, space, config)
    found = []
    for inquiry in asker.inquiries():
        net, _ = shop.trained(inquiry.blueprint, _short(asker.training()), seed=0)
        start = time.monotonic()
        asker.ask(inquiry.questions[0], inquiry.blueprint, net)
        seconds = time.monotonic() - start
        macs = costs(expand(inquiry.blueprint))["macs"]
        count = steps(shop, asker.training())
        found.append(TimedInquiry(macs, count, len(inquiry.questions), seconds))
    return tuple(found)


def time_final(shop: Shop, budget: TrainConfig, blueprint: Blueprint, folder: Path) -> TimedFinal:
    """A final network that was trained for a few steps, exported into the folder and proved.

    In the place of the test set, which only the end of a study may see, stand training samples.
    """
    shop = dataclasses.replace(shop, task=_without_test_set(shop.task))
    finisher = Finisher(shop, _short(budget), folder, 0, lambda progress: None)
    start = time.monotonic()
    with _no_warnings():  # a network of a few steps proves nothing
        finisher.finish("timed", blueprint, Genome("timed"), folder / "timed.onnx")
    whole = time.monotonic() - start
    net, _ = shop.trained(blueprint, _short(budget), seed=0)
    start = time.monotonic()
    shop.score(net, shop.held.first(JUDGED))
    judge = time.monotonic() - start
    per_epoch = shop.batches(budget, seed=0).per_epoch
    count = steps_of(budget, per_epoch)
    return TimedFinal(count, math.ceil(count / per_epoch), judge, whole)


def _short(budget: TrainConfig) -> TrainConfig:
    return budget.model_copy(update={"steps": FEW, "epochs": float(FEW), "patience": None})


def _without_test_set(task: Task) -> Task:
    """The task with as many training samples where its test set was."""
    rows = np.resize(np.arange(len(task.data.train)), len(task.data.test))
    stand_in = Samples(task.data.train.inputs[rows], task.data.train.targets[rows])
    blind = copy.copy(task)
    blind.data = dataclasses.replace(task.data, test=stand_in)
    return blind


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    level = final.logger.level
    final.logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        final.logger.setLevel(level)
