"""Training: it learns, repeats itself bit for bit, resumes exactly, and says when it fails."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from bitwright.config import TrainConfig
from bitwright.errors import InfeasibleError
from bitwright.export import reference
from bitwright.nets.build import QuantNet
from bitwright.nets.layers import ConvNorm
from bitwright.tasks.data.images import ImageData
from bitwright.train.batches import Batches
from bitwright.train.schedule import FREEZE_NORMS_AT
from bitwright.train.trainer import (
    TUNING_RATE,
    Hooks,
    Known,
    Progress,
    precision,
    train,
)

MakeNet = Callable[..., QuantNet]
MakeBatches = Callable[..., Batches]
BUDGET = functools.partial(TrainConfig, learning_rate=0.01, precision="float32")
DIFFERENT_PREDICTIONS = 0.001  # of the images, between the trained network and its integers


def accuracy(net: QuantNet, data: ImageData) -> float:
    net.eval()
    with torch.no_grad():
        found = net(torch.from_numpy(data.test.images)).argmax(1)
    return float((found == torch.from_numpy(data.test.labels)).float().mean())


def weights(net: QuantNet) -> dict[str, Any]:
    return {name: value for name, value in net.state_dict().items() if torch.is_tensor(value)}


def assert_equal(one: QuantNet, two: QuantNet) -> None:
    for name, value in weights(one).items():
        assert torch.equal(value, weights(two)[name]), name


@pytest.mark.parametrize(
    ("weight", "activation", "epochs"),
    [
        ("lsq:4:channel", "lsq:4", 5),
        ("uniform:4:tensor", "uniform:5", 5),
        ("affine:3:channel", "affine:4", 5),
        ("power_of_two:4:channel", "power_of_two:8", 5),
        ("lsq:2:tensor", "lsq:3", 8),  # after 5 epochs 0.9 give or take a hundredth, seed by seed
    ],
)
def test_it_learns_digits_and_its_integers_predict_the_same(
    weight: str,
    activation: str,
    epochs: int,
    net: MakeNet,
    batches: MakeBatches,
    digits: ImageData,
) -> None:
    network = net(weight, activation)
    curve = train(network, batches(batch=32), BUDGET(epochs=epochs))
    assert accuracy(network, digits) > 0.9
    assert [point[0] for point in curve] == list(range(1, epochs + 1))
    assert curve[-1][1] < curve[0][1] / 2
    assert {point[2] for point in curve} == {None}
    assert not network.training

    images = torch.cat([torch.from_numpy(part.images) for part in (digits.train, digits.test)])
    with torch.no_grad():
        logits = network(images)
    exact = reference.run(network.to_integer(), images.numpy())
    different = (logits.argmax(1).numpy() != exact.argmax(1)).mean()
    assert different <= DIFFERENT_PREDICTIONS


def test_bfloat16_trains_too(net: MakeNet, batches: MakeBatches, digits: ImageData) -> None:
    network = net()
    train(network, batches(), BUDGET(epochs=4, precision="bfloat16"))
    assert accuracy(network, digits) > 0.85
    assert {value.dtype for value in network.parameters()} == {torch.float32}


def test_the_same_seeds_give_the_same_weights(net: MakeNet, batches: MakeBatches) -> None:
    budget = BUDGET(epochs=2)
    one, two, other = net(), net(), net()
    curves = [
        train(network, batches(seed, count=300), budget)
        for network, seed in ((one, 0), (two, 0), (other, 1))
    ]
    assert_equal(one, two)
    assert curves[0] == curves[1] != curves[2]


@pytest.mark.parametrize("stopped_after", [1, 3, 5])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    stopped_after: int, net: MakeNet, batches: MakeBatches
) -> None:
    """The last epochs run on frozen norms, so both sides of that change are stopped at."""
    budget = BUDGET(epochs=6)
    states: list[dict[str, Any]] = []
    whole = net()
    curve = train(whole, batches(count=200), budget, Hooks(save=states.append))
    assert [state["done"] for state in states] == [3, 6, 9, 12, 15, 18]

    resumed = net(seed=9)
    state = states[stopped_after - 1]
    again = train(resumed, batches(seed=9, count=200), budget, Hooks(resume=state))
    assert_equal(whole, resumed)
    assert again == curve


@pytest.mark.parametrize(
    ("until", "plain"), [(0.1, 0.0), (0.25, 0.0), (0.4, 0.0), (0.25, 0.1), (0.4, 0.3)]
)
def test_a_run_that_went_on_from_within_a_pass_ends_where_one_in_one_go_does(
    until: float, plain: float, net: MakeNet, batches: MakeBatches
) -> None:
    budget = BUDGET(epochs=5, full_precision=plain)
    whole = net()
    curve = train(whole, batches(count=300), budget)
    kept: list[dict[str, Any]] = []
    early = train(net(), batches(count=300), budget, Hooks(until=until, keep=kept.append))
    assert early[-1][0] == pytest.approx(5 * until)

    (state,) = kept
    assert state["done"] == int(0.8 * 20 * until)
    resumed = net(seed=9)
    hooks = Hooks(resume=state, keep=kept.append)
    assert train(resumed, batches(seed=9, count=300), budget, hooks) == curve
    assert_equal(whole, resumed)
    assert len(kept) == 1, "after the whole budget nothing goes on"


def test_a_saved_state_survives_a_file(net: MakeNet, batches: MakeBatches, tmp_path: Any) -> None:
    budget = BUDGET(epochs=2)
    whole = net()
    path = tmp_path / "state.pt"

    def save(state: dict[str, Any]) -> None:
        if state["done"] == 3:
            torch.save(state, path)

    train(whole, batches(count=200), budget, Hooks(save=save))
    resumed = net(seed=9)
    state = torch.load(path, weights_only=True)
    train(resumed, batches(seed=9, count=200), budget, Hooks(resume=state))
    assert_equal(whole, resumed)


@pytest.mark.parametrize("weight", ["lsq:4:channel", "uniform:4:tensor", "none:32"])
@pytest.mark.parametrize("learning_rate", [1e6, 1e3])
def test_a_run_that_explodes_is_infeasible(
    weight: str, learning_rate: float, net: MakeNet, batches: MakeBatches
) -> None:
    network = net(weight, "none:32" if weight == "none:32" else "uniform:4")
    budget = BUDGET(epochs=3, learning_rate=learning_rate)
    with pytest.raises(
        InfeasibleError, match=r"training diverged: the loss was \S+ at step \d+ of 66"
    ):
        train(network, batches(), budget)


@pytest.mark.parametrize("patience", [None, 1])
def test_what_is_no_number_is_met_before_an_epoch_is_judged(
    patience: int | None, net: MakeNet, batches: MakeBatches
) -> None:
    network = net()
    network.get_parameter("layers.head/linear.bias").data[3] = float("nan")
    judged: list[float] = []

    def judge(_: QuantNet) -> float:
        judged.append(0.5)
        return 0.5

    with pytest.raises(InfeasibleError, match="the loss was nan at step 3 of 30"):
        train(network, batches(count=200), BUDGET(epochs=10, patience=patience), Hooks(judge))
    assert judged == []


def test_patience_ends_a_run_that_no_longer_improves(net: MakeNet, batches: MakeBatches) -> None:
    accuracies = [0.1, 0.5, 0.4, 0.6, 0.6, 0.3, 0.55, 0.9, 0.9]
    told = iter(accuracies)
    budget = BUDGET(epochs=9, patience=3)
    curve = train(net(), batches(count=64), budget, Hooks(judge=lambda _: next(told)))
    assert [point[2] for point in curve] == accuracies[:7]
    assert curve[-1][0] == 7


def test_judging_leaves_the_run_as_it_was(net: MakeNet, batches: MakeBatches) -> None:
    def judge(network: QuantNet) -> float:
        network.eval()
        with torch.no_grad():
            network(torch.zeros(4, 1, 8, 8))
        return 0.5

    alone, judged = net(), net()
    train(alone, batches(count=200), BUDGET(epochs=3))
    curve = train(judged, batches(count=200), BUDGET(epochs=3), Hooks(judge))
    assert_equal(alone, judged)
    assert [point[2] for point in curve] == [0.5] * 3


@pytest.mark.parametrize(
    ("budget", "epochs"),
    [
        ({"epochs": 2, "steps": 4}, [1, 4 / 3]),
        ({"epochs": 1.5}, [1, 5 / 3]),
        ({"epochs": 0.01}, [1 / 3]),
        ({"epochs": 1, "steps": 100}, [1]),
    ],
)
def test_steps_or_epochs_whichever_end_first(
    budget: dict[str, Any], epochs: list[float], net: MakeNet, batches: MakeBatches
) -> None:
    seen: list[Progress] = []
    curve = train(net(), batches(count=200), BUDGET(**budget), Hooks(watch=seen.append))
    assert [point[0] for point in curve] == pytest.approx(epochs)
    assert seen[-1].done == seen[-1].total == round(epochs[-1] * 3)
    assert seen[-1].loss == pytest.approx(curve[-1][1], rel=0.5)


def test_the_norms_are_frozen_near_the_end(net: MakeNet, batches: MakeBatches) -> None:
    frozen: list[bool] = []

    def judge(network: QuantNet) -> float:
        norms = [layer.frozen for layer in network.modules() if isinstance(layer, ConvNorm)]
        assert len(set(norms)) == 1
        frozen.append(norms[0])
        return 0.5

    train(net(), batches(count=64), BUDGET(epochs=20), Hooks(judge))
    assert frozen == [epoch > FREEZE_NORMS_AT * 20 for epoch in range(1, 21)]


def test_precision_is_what_was_asked_for() -> None:
    cpu = torch.device("cpu")
    a = torch.ones(2, 2)
    with precision("float32", cpu):
        assert (a @ a).dtype == torch.float32
    with precision("bfloat16", cpu):
        assert (a @ a).dtype == torch.bfloat16


@pytest.mark.parametrize(("of_a_training", "rate"), [(0.5, TUNING_RATE), (1.0, 1.0)])
def test_layers_that_are_trained_already_learn_at_a_part_of_the_rate(
    of_a_training: float, rate: float, net: MakeNet, batches: MakeBatches
) -> None:
    """One step from the same weights: Adam's first step is as long as the rate."""
    moved = {}
    for trained in (frozenset[str](), frozenset({"stem/0/conv"})):
        made = net("none:32", "none:32")
        before = {name: p.detach().clone() for name, p in made.named_parameters()}
        config = TrainConfig(steps=1, learning_rate=0.01, warmup=0, weight_decay=0)
        train(made, batches(), config, known=Known(trained, of_a_training))
        moved[trained] = {
            name: float((p.detach() - before[name]).abs().max())
            for name, p in made.named_parameters()
        }
    plain, tuned = moved.values()
    for name, way in plain.items():
        part = rate if name.startswith("layers.stem/0/conv.") else 1.0
        assert tuned[name] == pytest.approx(part * way, rel=1e-3, abs=1e-7), name


def test_a_run_may_begin_in_full_precision(
    net: MakeNet, batches: MakeBatches, digits: ImageData
) -> None:
    """Until then maps take more values than the policy has; from then on they lie on its grid."""
    levels: list[int] = []

    def judge(network: QuantNet) -> float:
        network.eval()
        with torch.no_grad():
            value = network.features(torch.from_numpy(digits.test.images))
        levels.append(len(value.unique()))
        return 0.5

    network = net("lsq:2", "lsq:2")
    budget = BUDGET(epochs=4, full_precision=0.5)
    train(network, batches(count=200), budget, Hooks(judge))
    assert levels[0] > 100
    assert levels[1] > 100
    assert max(levels[2:]) <= 4
    network.to_integer()


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 5])
def test_one_that_began_in_full_precision_is_resumed_exactly(
    stopped_after: int, net: MakeNet, batches: MakeBatches
) -> None:
    """Before, within and after the epoch in which the quantizers come in."""
    budget = BUDGET(epochs=6, full_precision=0.4)
    states: list[dict[str, Any]] = []
    whole = net()
    curve = train(whole, batches(count=200), budget, Hooks(save=states.append))
    resumed = net(seed=9)
    state = states[stopped_after - 1]
    again = train(resumed, batches(seed=9, count=200), budget, Hooks(resume=state))
    assert_equal(whole, resumed)
    assert again == curve


def test_patience_counts_from_where_the_quantizers_come_in(
    net: MakeNet, batches: MakeBatches
) -> None:
    found = iter([0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.7, 0.7, 0.7])
    budget = BUDGET(epochs=9, patience=2, full_precision=0.45)
    curve = train(net(), batches(count=200), budget, Hooks(lambda _: next(found)))
    assert len(curve) == 9, "the fall from 0.9 is no reason to stop, nor is standing at 0.9"


def test_a_network_that_knows_something_is_under_its_policy_at_once(
    net: MakeNet, batches: MakeBatches
) -> None:
    begun, plain = net(), net()
    for network, part in ((begun, 0.5), (plain, 0.0)):
        budget = BUDGET(epochs=2, full_precision=part)
        train(network, batches(count=200), budget, known=Known(frozenset(network.layers)))
    assert_equal(begun, plain)
