"""Where blueprints become networks: weights from seeds, batches from budgets, scores."""

from pathlib import Path

import pytest
import torch

from bitwright.config import TrainConfig
from bitwright.export.onnx_reader import read
from bitwright.records import Blueprint
from bitwright.testing.integer_models import assert_same_model
from bitwright.testing.networks import blueprint_of
from bitwright.train.shop import Shop, outputs


@pytest.fixture
def blueprint() -> Blueprint:
    return blueprint_of({"name": "stem", "width": 8}, {"name": "body", "width": 16, "stride": 2})


def test_parts_give_their_first_samples(shop: Shop) -> None:
    assert len(shop.held.first(20)) == 20
    assert len(shop.held.first(10**6)) == len(shop.held)


def test_weights_follow_the_seed_and_leave_the_worlds_generator_alone(
    shop: Shop, blueprint: Blueprint
) -> None:
    before = torch.random.get_rng_state()
    nets = [shop.build(blueprint, seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    first, same, other = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_budget_of_images_trains_on_so_many(shop: Shop) -> None:
    batches = shop.batches(TrainConfig(images=100, batch=50), seed=3)
    assert len(batches.rows.unique()) == len(batches.rows) == 100
    assert batches.per_epoch == 2
    assert torch.equal(batches.rows, shop.batches(TrainConfig(images=100), seed=3).rows)
    assert not torch.equal(batches.rows, shop.batches(TrainConfig(images=100), seed=4).rows)
    assert len(shop.batches(TrainConfig(images=10**6), seed=3).rows) == len(shop.train)


@pytest.mark.parametrize(
    ("weight", "activation"),
    [
        ("lsq:4:channel", "lsq:4"),
        ("affine:5:channel", "affine:8"),
        ("affine:8:tensor", "affine:3"),
        ("codebook:3:channel", "lsq:8"),
        ("codebook:4:tensor", "pact:4"),
        ("apot:4:channel", "apot:4"),
        ("logarithmic:4:tensor", "logarithmic:4"),
        ("dorefa:2:channel", "dorefa:2"),
        ("binary:1:channel", "lsq:1"),
        ("ternary:2:channel", "power_of_two:6"),
        ("power_of_two:8:tensor", "uniform:8"),
    ],
)
def test_a_trained_network_reads_back_from_its_file(
    weight: str, activation: str, shop: Shop, tmp_path: Path
) -> None:
    blueprint = blueprint_of(
        {"name": "stem", "width": 8},
        {"name": "body", "kinds": "residual", "width": 12, "stride": 2},
        {"name": "tail", "kinds": "inverted_bottleneck", "width": 12, "squeeze_excite": True},
        weight=weight,
        activation=activation,
    )
    net, _ = shop.trained(blueprint, TrainConfig(steps=3, batch=32, images=96), seed=0)
    shop.export(net, tmp_path / "m.onnx", {})
    assert_same_model(net.to_integer(), read(tmp_path / "m.onnx"))


def test_judging_counts_what_is_right_and_leaves_the_mode_as_it_was(
    shop: Shop, blueprint: Blueprint
) -> None:
    net = shop.build(blueprint, seed=0)
    for training in (True, False):
        net.train(training)
        found = outputs(net, shop.train)
        assert net.training is training
    assert found.shape == (len(shop.train), 10), "more than are judged at once"
    expected = (found.argmax(1) == shop.train.targets.numpy()).mean()
    assert shop.score(net, shop.train) == pytest.approx(expected)
