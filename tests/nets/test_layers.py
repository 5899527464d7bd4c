"""Every kind of unit under every transform: it trains, and is in integers what it is in reals."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bitwright.errors import ExportError
from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.export.onnx_file import write
from bitwright.export.packing import to_fields
from bitwright.export.runtime import load
from bitwright.nets.build import QuantNet
from bitwright.nets.layers import ConvNorm, WeightLayer
from bitwright.quant.names import traits_of
from bitwright.quant.transforms import TRANSFORMS, Quantizer
from bitwright.space.joint import expand
from bitwright.testing.networks import blueprint_of

UNITS: dict[str, dict[str, Any]] = {
    "conv": {"kernel": 5, "width": 6, "stride": 2},
    "depthwise": {"kinds": "depthwise_separable", "width": 6},
    "bottleneck": {"kinds": "inverted_bottleneck", "width": 4},
    "squeeze": {"kinds": "inverted_bottleneck", "width": 6, "stride": 2, "squeeze_excite": True},
    "residual": {"kinds": "residual", "width": 4},
    "residual 3": {"kinds": "residual", "width": 6, "convs": 3, "stride": 2},
    "max pool": {"kinds": "max_pool", "stride": 2},
    "average pool": {"kinds": "average_pool", "stride": 2},
    "fully connected": {"kinds": "fully_connected", "width": 6},
    "identity": {"kinds": "identity"},
}
NAMES = ("affine", "lsq", "power_of_two", "uniform")  # with every width in both roles
STEM = {"name": "stem", "width": 4}
SHAPE, CLASSES, IMAGES = (2, 8, 8), 5, 48
STEP, ZERO = 1 / 61, 100  # of the input

TIE = 2e-4  # code steps from a tie within which float32 may round to either side
SUM_ERROR = (
    0.05  # accumulator steps that a float32 sum may be off before it is rounded to whole ones
)
FLOAT = 1e-6  # of a sum: float32 tells no more than so many of it apart
TINY = 1e-6  # a step this small belongs to a dead layer: float32 cannot resolve its sums
NORM = 1e-3  # running variances divide by n - 1, a batch's own by n
FLIPPED = 0.03  # the fold factor moves with the statistics, and some code of 8 bits flips with it
LOGITS = 1e-4  # of the largest logit: float32 against exact integers, where no tie was met


def images(count: int = IMAGES, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *SHAPE), dtype=torch.uint8, generator=generator)


def network(unit: dict[str, Any], weight: str, activation: str, *, seed: int = 0) -> QuantNet:
    blueprint = blueprint_of(
        STEM,
        {"name": "unit", **unit},
        weight=weight,
        activation=activation,
        shape=SHAPE,
        classes=CLASSES,
    )
    torch.manual_seed(seed)
    return QuantNet(expand(blueprint), input_step=STEP, input_zero=ZERO)


@torch.no_grad()
def settled(net: QuantNet, batches: int = 12) -> QuantNet:
    """The net with ranges and statistics as after some training, in evaluation mode."""
    net.train()
    for seed in range(batches):
        net(images(seed=seed))
    return net.eval()


def real(codes: npt.NDArray[Any], model: IntegerModel, name: str) -> Tensor:
    """A layer's output codes as the real numbers that they stand for."""
    grid = model.grid(name)
    values = (codes.astype(np.float64) - grid.zero_point) * grid.scale.astype(np.float64)
    return torch.from_numpy(values.astype(np.float32))


@torch.no_grad()
def assert_each_layer_is_its_integer_form(net: QuantNet, x: Tensor) -> None:
    """Gives every layer the codes that the integer model gives it, and compares what comes out."""
    model = net.to_integer()
    traced = reference.trace(model, x.numpy())
    for node in net.graph.nodes[1:]:
        layer, integer = net.layer(node.name), model.layer(node.name)
        inputs = [real(traced[name], model, name) for name in node.inputs]
        before: list[Tensor] = []
        hook = layer.output.register_forward_pre_hook(
            lambda _, args, before=before: before.append(args[0])  # type: ignore[misc]
        )
        if isinstance(layer, WeightLayer):
            out = layer(inputs[0], net._step(node.inputs[0]))
        else:
            out = layer(*inputs)
        hook.remove()
        expected = traced[node.name]
        if node.op == "max_pool":
            assert torch.equal(out, real(expected, model, node.name))
        elif integer.output is None:
            unit = model.grid(node.inputs[0]).scale.astype(np.float64) * integer.kernel.grid.scale
            np.testing.assert_allclose(out.numpy() / unit, expected, rtol=FLOAT, atol=SUM_ERROR)
        elif integer.output.scale > TINY:
            scale = integer.output.scale.astype(np.float64)
            codes = np.rint(out.numpy() / scale) + integer.output.zero_point
            levels = np.unique(integer.output.table())
            off = np.abs(np.searchsorted(levels, codes) - np.searchsorted(levels, expected))
            ratio = before[0].numpy() / scale
            from_tie = np.abs(np.abs(ratio - np.floor(ratio)) - 0.5)
            assert off.max() <= 1, node.name
            assert from_tie[off > 0].max(initial=0) < TIE, node.name


CASES = list(itertools.product(UNITS, NAMES, (1, 2, 4, 8), ("tensor", "channel")))


@pytest.mark.parametrize(("unit", "name", "bits", "grain"), CASES)
def test_it_trains_and_is_in_integers_what_it_is_in_reals(
    unit: str, name: str, bits: int, grain: str
) -> None:
    net = network(UNITS[unit], f"{name}:{bits}:{grain}", f"{name}:{max(2, bits)}")
    net.train()
    net(images())  # fits the quantizers
    loss = functional.cross_entropy(net(images()), torch.arange(IMAGES) % CLASSES)
    loss.backward()  # type: ignore[no-untyped-call]
    for place, parameter in net.named_parameters():
        assert parameter.grad is not None, place
        assert parameter.grad.isfinite().all(), place
    assert bits < 4 or any(  # coarse signals may die on their way
        parameter.grad.abs().sum() > 0 for parameter in net.layers["stem/0/conv"].parameters()
    )
    assert_each_layer_is_its_integer_form(settled(net), images(seed=99))


EVERY_UNIT = [
    {"name": f"unit{at}", **unit, "stride": 2 if "pool" in name else 1}
    for at, (name, unit) in enumerate(UNITS.items())
    if name != "fully connected"
]
EVERY_UNIT.append({"name": "last", **UNITS["fully connected"]})


def every_method() -> Iterator[tuple[str, str]]:
    """A method of each other transform, width and grain, and one for the other role beside it."""
    for name in sorted(set(TRANSFORMS) - set(NAMES)):
        traits = traits_of(name)
        for bits, grain in itertools.product(traits.weights, ("tensor", "channel")):
            fits = bits in traits.activations
            yield f"{name}:{bits}:{grain}", f"{name}:{bits}" if fits else f"lsq:{max(2, bits)}"
        for bits in set(traits.activations) - set(traits.weights):
            yield f"lsq:{max(2, bits)}:channel", f"{name}:{bits}"


@pytest.mark.parametrize(("weight", "activation"), list(every_method()))
def test_every_other_transform_is_in_integers_what_it_is_in_reals_in_every_unit(
    weight: str, activation: str
) -> None:
    blueprint = blueprint_of(
        STEM, *EVERY_UNIT, weight=weight, activation=activation, shape=SHAPE, classes=CLASSES
    )
    torch.manual_seed(0)
    net = QuantNet(expand(blueprint), input_step=STEP, input_zero=ZERO)
    net.train()
    net(images())  # fits the quantizers
    loss = functional.cross_entropy(net(images()), torch.arange(IMAGES) % CLASSES)
    loss.backward()  # type: ignore[no-untyped-call]
    for place, parameter in net.named_parameters():
        assert parameter.grad is not None, place
        assert parameter.grad.isfinite().all(), place
    torch.optim.Adam(net.parameters(), lr=0.01).step()
    assert_each_layer_is_its_integer_form(settled(net, batches=6), images(24, seed=99))


EXPORTED = [(unit, f"{name}:4:channel", f"{name}:4") for unit in UNITS for name in NAMES] + [
    ("residual", "apot:4:channel", "apot:4"),
    ("residual", "dorefa:3:channel", "dorefa:3"),
    ("residual", "codebook:4:channel", "logarithmic:4"),
    ("squeeze", "binary:1:tensor", "pact:4"),
    ("squeeze", "codebook:3:tensor", "lsq:4"),
    ("squeeze", "logarithmic:5:tensor", "apot:3"),
    ("fully connected", "ternary:2:channel", "pact:3"),
    ("fully connected", "logarithmic:4:channel", "logarithmic:3"),
]


def moved(net: QuantNet) -> QuantNet:
    """The net with learned steps a little off: where they start, exact ties are common."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if ".log" in name:
                parameter += 0.1 * torch.rand(parameter.shape, generator=generator)
    return net


@pytest.mark.parametrize(("unit", "weight", "activation"), EXPORTED)
def test_the_exported_file_computes_the_same(
    unit: str, weight: str, activation: str, tmp_path: Path
) -> None:
    net = moved(settled(network(UNITS[unit], weight, activation)))
    model = net.to_integer()
    x = images(200, seed=7)
    with torch.no_grad():
        trained = net(x).numpy()
    exact = reference.run(model, x.numpy())
    write(model, tmp_path / "model.onnx", {})
    shipped = load(tmp_path / "model.onnx").logits(x.numpy())
    for other in (trained, shipped):
        off = np.abs(other - exact).max(1) > LOGITS * np.abs(exact).max()
        assert off.mean() <= 0.1  # of 200 images with a tie on their way: 4-bit codes meet many
        assert (other.argmax(1) != exact.argmax(1)).mean() <= 0.01


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if traits_of(name).weights])
@pytest.mark.parametrize("grain", ["tensor", "channel"])
def test_integer_weights_are_the_codes_that_were_trained(name: str, grain: str) -> None:
    widths = traits_of(name).weights
    net = settled(network(UNITS["conv"], f"{name}:{min(3, widths[-1])}:{grain}", "lsq:4"))
    layer = net.layer("unit/0/conv")
    assert isinstance(layer, ConvNorm)
    integer = layer.to_integer(net.to_integer().grid("stem/0/conv"))
    grid = integer.kernel.grid
    to_fields(integer.kernel.codes, grid)  # raises for a code off the grid
    codes = integer.kernel.codes - grid.zero_point.reshape(-1, 1, 1, 1)
    weight, _ = layer.folded()
    np.testing.assert_allclose(
        codes * grid.scale.reshape(-1, 1, 1, 1), weight.detach().numpy(), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("weight", "per_channel", "tolerance"),
    [
        ("lsq:4:channel", True, NORM),
        ("none:32", True, NORM),
        ("none:32", False, NORM),  # the way of one step per tensor, without its rounding
        ("lsq:8:tensor", False, FLIPPED),
        ("affine:8:tensor", False, FLIPPED),
    ],
)
def test_folded_batch_norm_is_the_batchs_own_once_its_statistics_are_the_running_ones(
    weight: str, per_channel: bool, tolerance: float
) -> None:
    """One batch, seen until the running statistics are its own: then both modes agree."""
    net = network(UNITS["conv"], weight, "none:32")
    layer = net.layer("stem/0/conv")
    assert isinstance(layer, ConvNorm)
    layer.per_channel = per_channel
    with torch.no_grad():
        layer.gain.copy_(torch.tensor([0.5, 1.0, -2.0, 0.01]))
        layer.bias.copy_(torch.tensor([0.1, -0.3, 0.0, 1.0]))
        x = torch.randn(16, 2, 8, 8, generator=torch.Generator().manual_seed(3))
        layer.train()
        for _ in range(300):
            training = layer(x)
        evaluated = layer.eval()(x)
    torch.testing.assert_close(
        evaluated, training, rtol=0, atol=tolerance * float(training.abs().max())
    )


def test_a_frozen_norm_trains_on_what_inference_uses() -> None:
    net = settled(network(UNITS["conv"], "lsq:4:channel", "lsq:4"))
    x = images()
    with torch.no_grad():
        inference = net(x)
        net.freeze_norms()
        net.train()
        before = {name: value.clone() for name, value in net.named_buffers()}
        hidden = net(x)
    assert torch.equal(hidden.argmax(1), inference.argmax(1))
    torch.testing.assert_close(hidden, inference, rtol=0, atol=0.01)
    for name, value in net.named_buffers():
        assert torch.equal(value, before[name]), name
    functional.cross_entropy(net(x), torch.zeros(IMAGES, dtype=torch.long)).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_in_evaluation_the_bias_lies_on_the_accumulators_grid() -> None:
    net = settled(network(UNITS["fully connected"], "lsq:2:channel", "lsq:2"))
    layer = net.layer("head/linear")
    assert isinstance(layer, WeightLayer)
    step = net._step("unit/0/linear")
    assert step is not None
    with torch.no_grad():
        layer.bias.copy_(torch.randn(CLASSES))
        unit = layer.weight_step() * step
        rounded = layer._on_grid(layer.bias, step)
        whole = rounded / unit
        integer = net.to_integer().layer("head/linear")
    assert not torch.equal(rounded, layer.bias)
    torch.testing.assert_close(whole, whole.round(), rtol=0, atol=1e-3)
    np.testing.assert_array_equal(whole.round().numpy(), integer.kernel.bias)


def test_logits_tie_where_the_integer_models_do() -> None:
    """A sum of floats that should be 0 is 1e-9 instead, and would break the tie as it likes."""
    net = settled(network(UNITS["fully connected"], "lsq:1:channel", "lsq:2"))
    with torch.no_grad():
        logits = net(images(300)).numpy()
    exact = reference.run(net.to_integer(), images(300).numpy())
    assert (exact == 0).any()
    np.testing.assert_array_equal(logits[exact == 0], 0)


def test_max_pooling_passes_its_inputs_grid_on() -> None:
    net = settled(network(UNITS["max pool"], "lsq:4:channel", "lsq:4"))
    model = net.to_integer()
    assert model.grid("unit/0/pool") is model.grid("stem/0/conv")
    assert net._step("unit/0/pool") == net._step("stem/0/conv")


def test_a_residual_sum_rescales_to_one_shift() -> None:
    net = settled(network(UNITS["residual"], "lsq:4:channel", "lsq:4"))
    one, two = net.to_integer().layer("unit/0/add").rescales
    assert one.shift == two.shift


@pytest.mark.parametrize("weight", ["uniform:4:channel", "affine:4:channel", "lsq:1:channel"])
def test_a_dead_channel_keeps_its_bias_in_32_bits(weight: str) -> None:
    net = settled(network(UNITS["conv"], weight, "uniform:4"))
    layer = net.layer("unit/0/conv")
    assert isinstance(layer, ConvNorm)
    with torch.no_grad():
        layer.weight[1] = 0
        layer.bias[1], layer.mean[1] = 3.0, 0.0
        for parameter in layer.quantize_weight.parameters():
            parameter[1] = -30.0  # a learned step's logarithm
        layer.train()
        layer.quantize_weight(layer.weight)
    net.eval()
    model = net.to_integer()
    out = model.grid("unit/0/conv")
    kernel = model.layer("unit/0/conv").kernel
    to_fields(kernel.codes, kernel.grid)  # raises for a code off the grid
    codes = reference.trace(model, images().numpy())["unit/0/conv"][:, 1]
    assert np.unique(codes).tolist() == [min(out.high, round(3.0 / float(out.scale)))]


@pytest.mark.parametrize(
    ("weight", "activation", "reason"),
    [
        ("none:32", "lsq:4", "its weights are in full precision"),
        ("lsq:4", "none:32", "its activation is in full precision"),
        ("lsq:4", "lsq:4:channel", "its activation has a scale per channel, sums need one"),
    ],
)
def test_what_no_integer_model_holds_trains_and_says_so(
    weight: str, activation: str, reason: str
) -> None:
    net = network(UNITS["squeeze"], weight, activation)
    functional.cross_entropy(net(images()), torch.zeros(IMAGES).long()).backward()  # type: ignore[no-untyped-call]
    settled(net)
    with torch.no_grad():
        assert net(images()).isfinite().all()
    with pytest.raises(ExportError, match=f"layer 'stem/0/conv' has no integer form: {reason}"):
        net.to_integer()


def test_full_precision_is_a_plain_network() -> None:
    net = network(UNITS["residual"], "none:32", "none:32")
    assert not [module for module in net.modules() if isinstance(module, Quantizer)]


def test_reading_it_as_integers_changes_nothing() -> None:
    net = settled(network(UNITS["residual"], "affine:4:tensor", "affine:4"))
    net.train()
    before = {
        name: value.clone() for name, value in net.state_dict().items() if "extra" not in name
    }
    net.to_integer()
    assert net.training
    for name, value in before.items():
        assert torch.equal(net.state_dict()[name], value), name


def test_the_state_dict_makes_a_twin() -> None:
    net = settled(network(UNITS["squeeze"], "lsq:2:channel", "uniform:4"))
    twin = network(UNITS["squeeze"], "lsq:2:channel", "uniform:4", seed=5)
    twin.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(twin.eval()(images()), net(images()))


@pytest.mark.parametrize(
    ("kernel", "stride", "computes_in"),
    [(3, 1, torch.bfloat16), (3, 2, torch.float32), (5, 1, torch.float32)],
)
def test_depthwise_convolutions_that_bfloat16_slows_down_stay_in_float32(
    kernel: int, stride: int, computes_in: torch.dtype
) -> None:
    unit = {"kinds": "depthwise_separable", "width": 6, "kernel": kernel, "stride": stride}
    net = network(unit, "lsq:4", "lsq:8")
    depthwise, pointwise = net.layer("unit/0/depthwise"), net.layer("unit/0/pointwise")
    assert isinstance(depthwise, WeightLayer) and isinstance(pointwise, WeightLayer)
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        sums = depthwise.linear_map(x, depthwise.weight, depthwise.bias)
        assert sums.dtype == computes_in
        assert pointwise.linear_map(sums, pointwise.weight, None).dtype == torch.bfloat16
    sums.float().sum().backward()
    assert x.grad is not None and depthwise.weight.grad is not None
