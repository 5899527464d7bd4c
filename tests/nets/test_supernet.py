"""One set of weights for a space: what networks inside compute, share, learn and keep apart."""

from typing import Any

import pytest
import torch

from bitwright.config import StageConfig
from bitwright.control.operators import sample
from bitwright.nets import supernet as module
from bitwright.nets.build import QuantNet
from bitwright.nets.layers import WeightLayer
from bitwright.nets.supernet import SuperNet
from bitwright.quant.names import TRANSFORMS, traits_of
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace

CPU = torch.device("cpu")
STAGES: tuple[dict[str, Any], ...] = (
    {"name": "stem", "width": [4, 6], "kernel": [3, 5]},
    {"name": "pool", "kinds": ["max_pool", "average_pool"], "stride": [2]},
    {
        "name": "body",
        "kinds": ["conv", "depthwise_separable", "residual", "inverted_bottleneck"],
        "depth": [1, 2],
        "width": [4, 8],
        "expansion": [1, 2],
        "squeeze_excite": [False, True],
        "convs": [2, 3],
    },
    {"name": "late", "kinds": ["identity", "fully_connected"], "width": [6, 12]},
)
WEIGHTS = ("lsq:2", "lsq:4:tensor", "lsq:8")


def space_of(
    stages: tuple[dict[str, Any], ...] = STAGES,
    weights: tuple[str, ...] = WEIGHTS,
    activations: tuple[str, ...] = ("lsq:4", "lsq:8"),
) -> JointSpace:
    methods = MethodSpace(
        tuple(map(Method.parse, weights)),
        tuple(Method.parse(text, "activation") for text in activations),
    )
    parts = tuple(StageConfig(**stage) for stage in stages)
    return JointSpace(parts, methods, input_shape=(1, 8, 8), classes=10)


def supernet_of(space: JointSpace, seed: int = 0) -> SuperNet:
    torch.manual_seed(seed)
    return SuperNet(space, input_step=1 / 255, input_zero=0, device=CPU)


def drawn(space: JointSpace, count: int, seed: int = 0) -> list[Blueprint]:
    rng = generator(seed, 0, "drawn")
    return [space.decode(sample(space, rng)) for _ in range(count)]


def picked(space: JointSpace, **picks: Any) -> Blueprint:
    """The network of first options, but of `picks` where a path, its / written __, has one."""
    named = {path.replace("__", "/"): pick for path, pick in picks.items()}
    return space.decode(space.fill(lambda c: named.get(c.path, c.options[0])))


def images(count: int = 8) -> torch.Tensor:
    numbers = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=numbers)


def weights_of(net: QuantNet, name: str) -> torch.Tensor:
    layer = net.layer(name)
    assert isinstance(layer, WeightLayer)
    return layer.weight


def learn(supernet: SuperNet, blueprint: Blueprint, rate: float = 0.1) -> frozenset[str]:
    """One step of plain descent."""
    net = supernet.network(blueprint).train()
    net(images()).square().mean().backward()
    names = supernet.collect(net)
    with torch.no_grad():
        for tensor in supernet.shared.chosen(names):
            assert tensor.grad is not None
            tensor -= rate * tensor.grad
            tensor.grad.zero_()
    return names


def test_a_network_inside_is_the_one_that_is_cut_out() -> None:
    space = space_of()
    supernet = supernet_of(space)
    for blueprint in drawn(space, 20):
        supernet.network(blueprint).train()(images())  # quantizers and norms have seen something
        inside, alone = supernet.network(blueprint), supernet.cut(blueprint)
        assert torch.equal(inside.eval()(images()), alone.eval()(images()))
        for net in (inside, alone):
            net.train()(images()).square().mean().backward()
        found = {name: p.grad for name, p in alone.named_parameters()}
        for name, parameter in inside.named_parameters():
            wanted = found[name]
            if wanted is None:
                assert parameter.grad is None
            else:
                torch.testing.assert_close(parameter.grad, wanted)
        supernet.collect(inside)


def test_what_is_cut_out_stands_alone() -> None:
    space = space_of()
    supernet, blueprint = supernet_of(space), drawn(space, 1)[0]
    supernet.network(blueprint).train()(images())
    net = supernet.cut(blueprint).eval()
    before = net(images())
    learn(supernet, blueprint)
    assert torch.equal(net(images()), before)
    assert not torch.equal(supernet.network(blueprint).eval()(images()), before)


def test_a_narrow_layer_is_the_first_channels_of_a_wide_one() -> None:
    space = space_of()
    supernet = supernet_of(space)
    narrow = picked(space, stem__width=4, body__width=4)
    wide = picked(space, stem__width=6, body__width=8)
    name = "body/0/conv"
    old = weights_of(supernet.cut(wide), name).detach()
    learn(supernet, narrow)
    new = weights_of(supernet.network(wide), name).detach()
    assert torch.equal(new[:4, :4], weights_of(supernet.network(narrow), name))
    assert not torch.equal(new[:4, :4], old[:4, :4])
    assert torch.equal(new[4:], old[4:]) and torch.equal(new[:, 4:], old[:, 4:])


def test_a_small_kernel_is_the_middle_of_a_large_one() -> None:
    space = space_of()
    supernet = supernet_of(space)
    path = "stem__0__kernel"
    small, large = (supernet.network(picked(space, **{path: size})) for size in (3, 5))
    middle = weights_of(large, "stem/0/conv")[:, :, 1:-1, 1:-1]
    assert torch.equal(middle, weights_of(small, "stem/0/conv"))


def test_kinds_of_unit_share_nothing_and_methods_share_weights_alone() -> None:
    space = space_of()
    supernet = supernet_of(space)

    def names(**picks: Any) -> set[str]:
        found = learn(supernet, picked(space, **picks), rate=0)
        return {name for name in found if ":body/0/" in name}

    conv = names(body__0__kind="conv", body__0__weight="lsq:2:channel")
    other = names(body__0__kind="depthwise_separable", body__0__weight="lsq:2:channel")
    assert not conv & other
    finer = names(body__0__kind="conv", body__0__weight="lsq:8:channel")
    assert {n for n in conv ^ finer if "quantize_weight" not in n} == set()
    assert {n for n in conv & finer if "quantize_weight" in n} == set()


def test_what_reads_another_units_map_is_another_layer() -> None:
    """The classifier behind a unit, and behind the same place where that unit has no layer."""
    space = space_of(({"name": "stem"}, {"name": "body", "kinds": ["conv", "identity"]}))
    supernet = supernet_of(space)
    behind = [
        {name for name in learn(supernet, picked(space, body__0__kind=kind)) if "linear" in name}
        for kind in ("conv", "identity")
    ]
    assert behind[0] and behind[1]
    assert not behind[0] & behind[1]


def test_steps_fit_all_channels_though_a_narrow_network_comes_first() -> None:
    space = space_of()
    supernet = supernet_of(space)
    supernet.network(picked(space, body__width=4)).train()(images())
    layer = supernet.network(picked(space, stem__width=6, body__width=8)).layer("body/0/conv")
    assert isinstance(layer, WeightLayer)
    kernel = layer.weight.detach().abs().flatten(1).mean(1)
    top = max(1.0, float(layer.quantize_weight.high))  # type: ignore[arg-type]
    step = layer.quantize_weight.step_now().detach().flatten()  # type: ignore[operator]
    torch.testing.assert_close(step, 2 * kernel / top**0.5)


def test_an_activations_step_is_fitted_once_for_all() -> None:
    space = space_of()
    supernet = supernet_of(space)
    first, second = (picked(space, body__width=width) for width in (4, 8))
    supernet.network(first).train()(images())
    step = supernet.network(second).layer("stem/0/conv").output
    assert step.fitted
    before = step.step_now().clone()  # type: ignore[operator]
    supernet.network(second)(images(16))
    assert torch.equal(step.step_now(), before)  # type: ignore[operator]


@pytest.mark.parametrize("transform", [name for name in TRANSFORMS if traits_of(name).weights])
def test_every_transform_learns_inside(transform: str) -> None:
    space = space_of(weights=tuple(f"{transform}:{b}" for b in traits_of(transform).weights))
    supernet = supernet_of(space)
    for blueprint in drawn(space, 6):
        assert any(name.endswith(".weight") for name in learn(supernet, blueprint))
        inside, alone = supernet.network(blueprint), supernet.cut(blueprint)
        assert torch.equal(inside.eval()(images()), alone.eval()(images()))
        alone.to_integer()


def test_every_layer_learns_in_some_network() -> None:
    space = space_of()
    supernet = supernet_of(space)
    learned = set[str]()
    for blueprint in drawn(space, 300):
        learned |= learn(supernet, blueprint, rate=0)
    assert learned == set(supernet.shared.learning)


def test_a_state_brings_all_back() -> None:
    space = space_of()
    supernet, other = supernet_of(space), supernet_of(space, seed=1)
    blueprints = drawn(space, 5)
    for blueprint in blueprints:
        learn(supernet, blueprint)
    other.restore(supernet.state())
    for blueprint in blueprints:
        pair = (one.network(blueprint).eval()(images()) for one in (supernet, other))
        assert torch.equal(*pair)
    learn(other, blueprints[0])  # its tensors are its own
    pair = (one.network(blueprints[0]).eval()(images()) for one in (supernet, other))
    assert not torch.equal(*pair)


def test_layers_that_are_let_go_come_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_of()
    plain, tight = supernet_of(space), supernet_of(space)
    for blueprint in drawn(space, 10):
        learn(plain, blueprint)
    monkeypatch.setattr(module, "CACHED", 30)
    for blueprint in drawn(space, 10):
        learn(tight, blueprint)
    assert len(tight._layers) <= 30
    for name, tensor in plain.shared.learning.items():
        assert torch.equal(tensor, tight.shared.learning[name]), name


def test_gradients_of_networks_add_up() -> None:
    space = space_of()
    supernet = supernet_of(space)
    pair = [picked(space, body__width=width) for width in (4, 8)]
    for blueprint in pair:  # so that everything is fitted
        supernet.network(blueprint).train()(images())

    def backward(blueprint: Blueprint) -> dict[str, torch.Tensor]:
        net = supernet.network(blueprint).train()
        net(images()).square().mean().backward()
        return {name: gradient(name) for name in supernet.collect(net)}

    def gradient(name: str) -> torch.Tensor:
        found = supernet.shared.chosen([name])[0].grad
        assert found is not None
        return found

    wanted: dict[str, torch.Tensor] = {}
    for blueprint in pair:
        for name, found in backward(blueprint).items():
            wanted[name] = wanted.get(name, torch.zeros_like(found)) + found
            found.zero_()
    for blueprint in pair:
        backward(blueprint)
    for name, both in wanted.items():
        torch.testing.assert_close(gradient(name), both)
