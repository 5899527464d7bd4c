"""Labelled images as a task: three parts, the loss, and how networks are judged."""

import json
import pickle

import numpy as np
import pytest
import torch

from bitwright.config import AugmentConfig, DataConfig, TrainConfig
from bitwright.errors import DataError
from bitwright.tasks.data.images import ImageSplit, make_data
from bitwright.tasks.data.load import load
from bitwright.tasks.image_classification import ImageClassification
from bitwright.train.shop import Part

CPU = torch.device("cpu")


def task(seed: int = 0, holdout: float = 0.1, **augment: object) -> ImageClassification:
    settings = DataConfig(
        name="digits", holdout=holdout, augment=AugmentConfig.model_validate(augment)
    )
    return ImageClassification.make(settings, seed=seed)


def test_the_parts_are_disjoint_and_whole() -> None:
    data = task().data
    whole = load("digits")
    assert len(data.train) + len(data.held) == len(whole.train)
    assert len(data.test) == len(whole.test)
    seen = np.concatenate([data.train.inputs, data.held.inputs])
    assert np.array_equal(
        np.sort(seen.reshape(len(seen), -1).sum(1)),
        np.sort(whole.train.images.reshape(len(whole.train), -1).sum(1)),
    )


def test_every_class_is_held_out_in_its_share() -> None:
    data = task(holdout=0.25).data
    for digit in range(10):
        held = int((data.held.targets == digit).sum())
        total = held + int((data.train.targets == digit).sum())
        assert held == pytest.approx(0.25 * total, abs=1)


def test_the_seed_draws_what_is_held_out() -> None:
    assert np.array_equal(task(1).data.held.inputs, task(1).data.held.inputs)
    assert not np.array_equal(task(1).data.held.inputs, task(2).data.held.inputs)


def test_the_input_and_the_outputs() -> None:
    data = task().data
    assert data.input.shape == (1, 8, 8)
    assert (data.input.step, data.input.zero_point) == (load("digits").scale, 5)
    assert data.outputs == 10
    assert json.loads(task().metadata()["classes"]) == [str(digit) for digit in range(10)]


def test_a_class_of_one_image_cannot_be_held_out() -> None:
    split = ImageSplit(np.arange(128, dtype=np.uint8).reshape(2, 1, 8, 8), np.array([0, 1]))
    data = make_data("two", split, split, classes=("a", "b"), origin="here")
    with pytest.raises(DataError, match=r"'two' \(here\).*no image is left to hold out"):
        ImageClassification(data, DataConfig(name="two"), seed=0)


def test_it_travels_to_another_process() -> None:
    first = task(1)
    second = pickle.loads(pickle.dumps(first))
    assert np.array_equal(first.data.held.inputs, second.data.held.inputs)
    assert second.classes == first.classes


def test_images_are_changed_where_the_study_and_the_caller_ask_for_it() -> None:
    digits = task(shift=2)
    part = Part.of(digits.data.train, CPU)
    drawn = [
        next(
            iter(digits.batches(part, 64, torch.Generator().manual_seed(5), augment=augment))
        ).inputs
        for augment in (True, False)
    ]
    plain = next(iter(task().batches(part, 64, torch.Generator().manual_seed(5)))).inputs
    assert torch.equal(drawn[1], plain)
    assert not torch.equal(drawn[0], plain)


def test_the_loss_is_the_cross_entropy_with_the_budgets_smoothing() -> None:
    outputs, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
    told = [-outputs.log_softmax(1)[row, label] for row, label in enumerate(labels)]
    found = task().loss(outputs, labels, TrainConfig())
    assert found == pytest.approx(float(sum(told) / 2))
    smooth = task().loss(outputs, labels, TrainConfig(label_smoothing=0.5))
    assert smooth != pytest.approx(float(found))


def test_the_score_is_the_share_that_is_right() -> None:
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], np.float32)
    assert task().answers(outputs).tolist() == [1, 0, 1]
    assert task().score(outputs, np.array([1, 0, 0])) == pytest.approx(2 / 3)


def test_the_baseline_stands_on_the_tasks_images() -> None:
    from bitwright.quant.spec import Method

    found = task().baseline(Method.parse("lsq:8"), Method.parse("lsq:8", "activation"))
    assert (found.input_shape, found.classes) == ((1, 8, 8), 10)
