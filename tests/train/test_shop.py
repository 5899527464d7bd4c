"""Where blueprints become networks: weights from seeds, batches from budgets, scores."""

import pytest
import torch

from bitwright.config import TrainConfig
from bitwright.records import Blueprint
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
