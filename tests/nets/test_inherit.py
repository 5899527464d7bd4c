"""Weights that pass from one network to another: what the child computes, what stays its own."""

from typing import Any

import pytest
import torch

from bitwright.nets import inherit as inheriting
from bitwright.nets.build import QuantNet
from bitwright.nets.inherit import inherit
from bitwright.nets.layers import WeightLayer
from bitwright.space.joint import expand
from bitwright.testing.networks import blueprint_of

FULL = {"weight": "none:32", "activation": "none:32"}


def stages(
    width: int = 8, *, kind: str = "residual", kernel: int = 3, depth: int = 1
) -> list[dict[str, Any]]:
    """Every kind of layer: plain and depthwise convolutions, sums, a gate, pooling."""
    return [
        {"name": "stem", "width": width, "kernel": kernel},
        {"name": "pool", "kinds": "max_pool", "stride": 2},
        {"name": "body", "kinds": kind, "width": 2 * width, "depth": depth},
        {
            "name": "tail",
            "kinds": "inverted_bottleneck",
            "width": 2 * width,
            "kernel": kernel,
            "squeeze_excite": True,
        },
    ]


def net(parts: list[dict[str, Any]], seed: int, *, fit: bool = True, **methods: str) -> QuantNet:
    """A network; with `fit`, one whose norms and steps have seen images."""
    torch.manual_seed(seed)
    made = QuantNet(expand(blueprint_of(*parts, **methods)), input_step=1 / 255, input_zero=0)
    if fit:
        for _ in range(3):
            made(images(8))
        for name, parameter in made.named_parameters():
            if name.endswith(("gain", "bias")):
                parameter.data += 0.3 * torch.rand_like(parameter)
    return made.eval()


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("methods", [FULL, {}, {"weight": "affine:8:tensor"}], ids=str)
def test_an_equal_network_becomes_the_same_one(methods: dict[str, str]) -> None:
    parent = net(stages(), 0, **methods)
    child = net(stages(), 1, fit=False, **methods)
    assert inherit(child, parent) == layers(child)
    assert torch.equal(child(images(4)), parent(images(4)))


@pytest.mark.parametrize("width", [12, 16, 40])
def test_a_wider_network_computes_the_same(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubled channels count half each; what is stirred in is left out here."""
    monkeypatch.setattr(inheriting, "STIR", 0.0)
    parent = net(stages(8), 0, **FULL)
    child = net(stages(width), 1, fit=False, **FULL)
    inherit(child, parent)
    torch.testing.assert_close(child(images(4)), parent(images(4)), rtol=1e-4, atol=1e-5)


def test_doubled_channels_are_stirred_so_that_they_can_part() -> None:
    parent = net(stages(8), 0, **FULL)
    child = net(stages(16), 1, fit=False, **FULL)
    inherit(child, parent)
    kernels = weights(child, "stem/0/conv").flatten(1)
    assert len(torch.unique(kernels, dim=0)) == 16
    torch.testing.assert_close(child(images(4)), parent(images(4)), rtol=0.2, atol=0.1)


def test_a_narrower_network_keeps_the_strongest_channels() -> None:
    parent = net([{"name": "a", "width": 6}, {"name": "b", "width": 4}], 0, **FULL)
    with torch.no_grad():
        for row, size in enumerate((1.0, 9.0, 3.0, 8.0, 2.0, 7.0)):
            weights(parent, "a/0/conv")[row].fill_(size)
    child = net([{"name": "a", "width": 3}, {"name": "b", "width": 4}], 1, fit=False, **FULL)
    inherit(child, parent)
    assert weights(child, "a/0/conv").flatten(1)[:, 0].tolist() == [9.0, 8.0, 7.0]
    assert torch.equal(weights(child, "b/0/conv"), weights(parent, "b/0/conv")[:, [1, 3, 5]])


def test_a_larger_kernel_has_the_smaller_one_in_its_middle() -> None:
    parent, child = net(stages(kernel=3), 0, **FULL), net(stages(kernel=5), 1, fit=False, **FULL)
    inherit(child, parent)
    torch.testing.assert_close(child(images(4)), parent(images(4)))
    back = net(stages(kernel=3), 2, fit=False, **FULL)
    inherit(back, child)
    torch.testing.assert_close(back(images(4)), parent(images(4)))


def test_a_unit_of_another_kind_and_a_new_one_stay_fresh() -> None:
    parent = net(stages(kind="residual"), 0, **FULL)
    child = net(stages(kind="conv", depth=2), 1, fit=False, **FULL)
    before = {n: weights(child, f"body/{n}/conv").clone() for n in (0, 1)}
    taken = inherit(child, parent)
    assert layers(child) - taken == {"body/0/conv", "body/1/conv"}
    assert all(torch.equal(weights(child, f"body/{n}/conv"), before[n]) for n in (0, 1))
    assert torch.equal(weights(child, "stem/0/conv"), weights(parent, "stem/0/conv"))


def test_networks_without_a_common_layer_but_the_last() -> None:
    parent = net([{"name": "a", "width": 4}], 0)
    child = net([{"name": "b", "kinds": "depthwise_separable", "width": 4}], 1, fit=False)
    before = weights(child, "b/0/pointwise").clone()
    inherit(child, parent)
    assert torch.equal(weights(child, "b/0/pointwise"), before)
    child(images(2))


def test_steps_pass_where_the_method_is_the_same_and_are_fitted_anew_elsewhere() -> None:
    parent = net(stages(), 0, weight="lsq:4", activation="lsq:8")
    child = net(stages(12), 1, fit=False, weight="lsq:4", activation="lsq:4")
    inherit(child, parent)
    for name in ("stem/0/conv", "tail/0/depthwise", "head/linear"):
        layer, old = child.layer(name), parent.layer(name)
        assert isinstance(layer, WeightLayer) and isinstance(old, WeightLayer)
        assert layer.quantize_weight.fitted and not getattr(layer.output, "fitted", False)
        steps = layer.quantize_weight.step_now().flatten()
        assert set(steps.tolist()) <= set(old.quantize_weight.step_now().flatten().tolist())
        assert len(steps) == layer.weight.shape[0]
    child.train()(images(4))
    assert child.layer("stem/0/conv").output.fitted


@pytest.mark.parametrize("transform", ["lsq", "affine", "pact", "codebook", "apot", "logarithmic"])
@pytest.mark.parametrize("width", [4, 8, 12])
def test_a_child_of_every_transform_trains_on(transform: str, width: int) -> None:
    activation = "lsq:4" if transform in ("codebook", "apot", "logarithmic") else f"{transform}:4"
    weight = "lsq:4" if transform == "pact" else f"{transform}:4"
    parent = net(stages(8), 0, weight=weight, activation=activation)
    child = net(stages(width), 1, fit=False, weight=weight, activation=activation)
    assert inherit(child, parent) == layers(child)
    loss = child.train()(images(8)).square().mean()
    loss.backward()
    assert torch.isfinite(loss)
    assert child.eval()(images(2)).isfinite().all()


def test_only_the_child_changes() -> None:
    parent = net(stages(8), 0)
    before = {name: value.clone() for name, value in tensors(parent).items()}
    child = net(stages(16), 1, fit=False)
    inherit(child, parent)
    with torch.no_grad():
        for parameter in child.parameters():
            parameter.add_(1.0)
    after = tensors(parent)
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_layer_on_a_flat_map_takes_the_places_of_its_channels() -> None:
    def parts(width: int) -> list[dict[str, Any]]:
        return [
            {"name": "a", "width": width, "stride": 4},
            {"name": "b", "kinds": "fully_connected", "width": 8},
        ]

    parent, child = net(parts(6), 0, **FULL), net(parts(3), 1, fit=False, **FULL)
    with torch.no_grad():
        weights(parent, "a/0/conv")[[0, 2, 4]] *= 100
    inherit(child, parent)
    old = weights(parent, "b/0/linear").view(8, 6, 2, 2)
    assert torch.equal(weights(child, "b/0/linear").view(8, 3, 2, 2), old[:, [0, 2, 4]])


def weights(of: QuantNet, name: str) -> torch.Tensor:
    layer = of.layer(name)
    assert isinstance(layer, WeightLayer)
    return layer.weight


def layers(of: QuantNet) -> set[str]:
    """The names of the layers with weights."""
    return {name for name, layer in of.layers.items() if isinstance(layer, WeightLayer)}


def tensors(of: QuantNet) -> dict[str, torch.Tensor]:
    return {k: v for k, v in of.state_dict().items() if isinstance(v, torch.Tensor)}
