"""A study's data in three parts, and how a network is judged on them."""

import numpy as np
import pytest
import torch

from bitwright.config import DataConfig, TrainConfig
from bitwright.errors import DataError
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.space.baseline import baseline
from bitwright.tasks.data.images import ImageSplit, make_data
from bitwright.tasks.data.load import load
from bitwright.tasks.image_classification import ImageTask, accuracy, predictions

CPU = torch.device("cpu")


def task(seed: int = 0, holdout: float = 0.1) -> ImageTask:
    return ImageTask(
        load("digits"), DataConfig(name="digits", holdout=holdout), seed=seed, device=CPU
    )


@pytest.fixture
def blueprint() -> Blueprint:
    weight, activation = Method.parse("lsq:8"), Method.parse("lsq:8", "activation")
    return baseline((1, 8, 8), 10, weight, activation)


def test_the_parts_are_disjoint_and_whole() -> None:
    found = task()
    whole = load("digits")
    assert len(found.train) + len(found.held) == len(whole.train)
    assert len(found.test) == len(whole.test)
    seen = np.concatenate([found.train.images.numpy(), found.held.images.numpy()])
    assert np.array_equal(
        np.sort(seen.reshape(len(seen), -1).sum(1)),
        np.sort(whole.train.images.reshape(len(whole.train), -1).sum(1)),
    )


def test_every_class_is_held_out_in_its_share() -> None:
    found = task(holdout=0.25)
    for digit in range(10):
        held = int((found.held.labels == digit).sum())
        total = held + int((found.train.labels == digit).sum())
        assert held == pytest.approx(0.25 * total, abs=1)


def test_the_seed_draws_what_is_held_out() -> None:
    assert torch.equal(task(1).held.images, task(1).held.images)
    assert not torch.equal(task(1).held.images, task(2).held.images)


def test_shape_and_classes() -> None:
    found = task()
    assert found.input_shape == (1, 8, 8)
    assert found.classes == 10
    assert len(found.held.first(20)) == 20
    assert len(found.held.first(10**6)) == len(found.held)


def test_a_class_of_one_image_cannot_be_held_out() -> None:
    split = ImageSplit(np.arange(128, dtype=np.uint8).reshape(2, 1, 8, 8), np.array([0, 1]))
    data = make_data("two", split, split, classes=("a", "b"), origin="here")
    with pytest.raises(DataError, match=r"'two' \(here\).*no image is left to hold out"):
        ImageTask(data, DataConfig(name="two"), seed=0, device=CPU)


def test_weights_follow_the_seed_and_leave_the_worlds_generator_alone(blueprint: Blueprint) -> None:
    found = task()
    before = torch.random.get_rng_state()
    nets = [found.build(blueprint, seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    first, same, other = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_budget_of_images_trains_on_so_many() -> None:
    found = task()
    batches = found.batches(TrainConfig(images=100, batch=50), seed=3)
    assert len(batches.images) == 100
    assert batches.per_epoch == 2
    assert torch.equal(batches.images, found.batches(TrainConfig(images=100), seed=3).images)
    assert not torch.equal(batches.images, found.batches(TrainConfig(images=100), seed=4).images)
    assert len(found.batches(TrainConfig(images=10**6), seed=3).images) == len(found.train)


def test_judging_counts_what_is_right_and_leaves_the_mode_as_it_was(blueprint: Blueprint) -> None:
    found = task()
    net = found.build(blueprint, seed=0)
    for training in (True, False):
        net.train(training)
        guessed = predictions(net, found.train)
        assert net.training is training
    assert guessed.shape == (len(found.train),), "more than are judged at once"
    expected = float((guessed == found.train.labels).float().mean())
    assert accuracy(net, found.train) == pytest.approx(expected)
