"""A supernet's training: which networks learn, that all come to something, and going on."""

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitwright.config import StageConfig, SupernetConfig, TrainConfig
from bitwright.control.operators import sample
from bitwright.errors import ConfigError, InfeasibleError
from bitwright.execute.base import Job
from bitwright.execute.place import Place
from bitwright.measure.cost import costs
from bitwright.quant.spec import Method
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.testing.evaluators import workbench
from bitwright.train.cutting import CutEvaluator, cut, inputs_for_norms
from bitwright.train.nursery import FILE, Nursery
from bitwright.train.sandwich import sandwich
from bitwright.train.shop import Shop
from bitwright.train.supernet import Hooks, SupernetTraining, fresh

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = SupernetConfig(
    train=TrainConfig(epochs=12, batch=64, learning_rate=0.02), between=1, imitation=0.0
)
SHORT = SupernetConfig(train=TrainConfig(epochs=2, images=320, batch=64), between=1)


@pytest.fixture(scope="module")
def space() -> JointSpace:
    stages = (
        StageConfig(name="stem", width=(8, 12), stride=(1, 2)),
        StageConfig(name="body", kinds=("conv", "depthwise_separable"), width=(12, 16)),
    )
    methods = MethodSpace(
        tuple(Method.parse(f"lsq:{bits}") for bits in (2, 8)),
        tuple(Method.parse(f"lsq:{bits}", "activation") for bits in (4, 8)),
    )
    return JointSpace(stages, methods, input_shape=(1, 8, 8), classes=10)


def test_a_sandwich_lies_between_the_largest_and_the_smallest(space: JointSpace) -> None:
    for number in range(20):
        rng = generator(0, number, "sandwich")
        largest, *between, smallest = sandwich(space, 2, rng)
        assert len(between) == 2
        for network, bits, widths in ((largest, 8, {12, 16}), (smallest, 2, {8, 12})):
            assert {m.bits for site, m in network.policy if site.role == "weight"} == {bits}
            assert {unit["width"] for unit in network.units[:-1]} == widths
        kinds = {unit.kind for unit in largest.units}
        assert kinds & {"conv", "depthwise_separable"}
    drawn = {sandwich(space, 0, generator(0, n, "sandwich"))[0].units for n in range(20)}
    assert len(drawn) == 4, "kinds and strides are drawn for the largest too"


def test_every_network_inside_comes_to_something(shop: Shop, space: JointSpace) -> None:
    training = SupernetTraining(shop, space, SETTINGS, seed=0)
    curve = training.to_the_end()
    assert [round(epoch, 6) for epoch, _, _ in curve] == list(range(1, 13))
    assert curve[-1][1] < 0.5 * curve[0][1]
    inputs = inputs_for_norms(shop, SETTINGS, 0)
    rng = generator(1, 0, "drawn")
    scores = [
        shop.score(cut(training.net, space.decode(sample(space, rng)), inputs), shop.held)
        for _ in range(12)
    ]
    assert min(scores) > 0.5 and sum(scores) > 0.6 * len(scores), scores
    untrained = fresh(shop, space, 0)
    blueprint = space.decode(sample(space, rng))
    assert shop.score(cut(untrained, blueprint, inputs), shop.held) < 0.4


def test_going_on_is_as_if_it_had_never_stopped(shop: Shop, space: JointSpace) -> None:
    states: list[bytes] = []
    whole = SupernetTraining(
        shop, space, SHORT, 0, Hooks(save=lambda state: states.append(pickle.dumps(state)))
    )
    curve = whole.to_the_end()
    assert len(states) == 2
    second = SupernetTraining(shop, space, SHORT, 0, Hooks(resume=pickle.loads(states[0])))
    assert second.to_the_end() == curve
    for name, tensor in whole.net.shared.state().items():
        assert torch.equal(tensor["value"], second.net.shared.state()[name]["value"]), name


def test_imitation_is_of_the_largest(shop: Shop, space: JointSpace) -> None:
    """With labels that say nothing, only the largest network's answers are left to learn from."""
    learned = []
    for part in (0.0, 1.0):
        settings = SHORT.model_copy(update={"imitation": part})
        training = SupernetTraining(shop, space, settings, 0)
        training.to_the_end()
        learned.append(torch.cat([t.flatten() for t in training.net.shared.learning.values()]))
    assert not torch.equal(*learned)


def test_an_exploding_loss_is_told_with_its_remedy(shop: Shop, space: JointSpace) -> None:
    wild = SHORT.model_copy(update={"train": TrainConfig(epochs=8, batch=32, learning_rate=1e9)})
    with pytest.raises(InfeasibleError, match=r"lower supernet\.train\.learning_rate"):
        SupernetTraining(shop, space, wild, 0).to_the_end()


@pytest.fixture
def nursery(shop: Shop, space: JointSpace, tmp_path: Path) -> Nursery:
    return Nursery(shop, space, SHORT, tmp_path, seed=3)


def nothing(*_: Any) -> None:
    return


def test_a_supernet_is_trained_once(nursery: Nursery) -> None:
    assert not nursery.ready()
    heard: list[int] = []
    grown = nursery.grown(lambda p: heard.append(p.done), nothing)
    assert heard and grown.seconds > 0 and len(grown.curve) == 2
    assert nursery.ready()
    assert nursery.grown(nothing, pytest.fail) == grown
    assert [path.name for path in nursery.folder.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "change",
    [{"seed": 4}, {"settings": SHORT.model_copy(update={"between": 2})}],
    ids=["seed", "settings"],
)
def test_another_study_does_not_take_it(nursery: Nursery, change: dict[str, Any]) -> None:
    nursery.seed_bed()
    assert nursery.ready()
    other = dataclasses.replace(nursery, **change)
    assert not other.ready()
    with pytest.raises(ConfigError, match="of another space or other settings"):
        other.supernet()


def test_how_the_winner_starts_does_not_make_it_another(nursery: Nursery) -> None:
    nursery.seed_bed()
    cut_final = nursery.settings.model_copy(update={"final": "cut"})
    assert dataclasses.replace(nursery, settings=cut_final).ready()


def test_a_pause_costs_an_epoch_at_most(nursery: Nursery, tmp_path: Path) -> None:
    class PauseError(Exception):
        pass

    def pause() -> None:
        raise PauseError

    with pytest.raises(PauseError):
        nursery.grown(nothing, pause)
    assert not nursery.ready()
    later: list[int] = []
    went_on = nursery.grown(lambda p: later.append(p.done), nothing)
    assert later[0] > 5, "it began anew"
    other = tmp_path / "other"
    other.mkdir()
    at_once = dataclasses.replace(nursery, folder=other)
    assert at_once.grown(nothing, nothing).curve == went_on.curve
    for name, one in nursery.supernet().shared.state().items():
        assert torch.equal(one["value"], at_once.supernet().shared.state()[name]["value"]), name


@pytest.mark.parametrize("content", [None, b"no supernet"])
def test_a_lost_or_broken_file_is_told(nursery: Nursery, content: bytes | None) -> None:
    if content is not None:
        (nursery.folder / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=r"supernet\.pt.*train it anew"):
        nursery.supernet()


def test_a_candidate_is_cut_and_tuned(tmp_path: Path) -> None:
    bench = dataclasses.replace(workbench(tmp_path), supernet=SHORT)
    Nursery.of(bench).grown(nothing, nothing)
    job = Job(0, 0, bench.space.fill(lambda choice: choice.options[-1]), seed=1)
    as_it_is = CutEvaluator(dataclasses.replace(bench, tuning=0.0)).evaluate(job, Place())
    assert (as_it_is.state, as_it_is.curve) == ("complete", ())
    budget = bench.budget.model_copy(update={"epochs": 3.0, "images": None})
    tuned = CutEvaluator(dataclasses.replace(bench, budget=budget)).evaluate(job, Place())
    assert tuned.state == "complete" and len(tuned.curve) == 3
    best, first = (found.metric("accuracy") for found in (tuned, as_it_is))
    assert best is not None and first is not None and best > first
    blueprint = bench.space.decode(job.genome)
    assert as_it_is.metric("packed_bytes") == costs(expand(blueprint))["packed_bytes"]


def test_a_cut_network_has_its_own_statistics(shop: Shop, space: JointSpace) -> None:
    supernet = fresh(shop, space, 0)
    blueprint = space.decode(sample(space, generator(0, 0, "one")))
    inputs = inputs_for_norms(shop, SETTINGS, 0)
    net = cut(supernet, blueprint, inputs)
    layer = net.layer("stem/0/conv")
    value = (inputs[0].float() - net.input_zero) * net.input_step
    raw = layer.linear_map(value, layer.quantize_weight(layer.weight), None)  # type: ignore[operator]
    means = [raw.mean((0, 2, 3))]
    for codes in inputs[1:]:
        value = (codes.float() - net.input_zero) * net.input_step
        raw = layer.linear_map(value, layer.quantize_weight(layer.weight), None)  # type: ignore[operator]
        means.append(raw.mean((0, 2, 3)))
    wanted = torch.stack(means).mean(0).detach()
    np.testing.assert_allclose(layer.mean.numpy(), wanted.numpy(), atol=1e-5)  # type: ignore[union-attr, operator]
