"""The integer reference against arithmetic written out number by number in Python integers."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.errors import ExportError
from bitwright.export import reference
from bitwright.export.integer import IntegerModel, Layer
from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.spec import Method
from bitwright.testing.integer_models import random_images, random_model

PIXELS = Method("uniform", 8, per_channel=False)


def small_network() -> Graph:
    build = GraphBuilder((2, 5, 4), PIXELS)
    activation = Method("lsq", 5, per_channel=False)
    quantized = {"weight": Method("affine", 3, per_channel=True), "activation": activation}
    build.conv("conv", "input", unit="u", width=4, kernel=3, stride=2, relu=False, **quantized)
    build.conv("depthwise", "conv", unit="u", width=4, kernel=3, depthwise=True, **quantized)
    build.add("sum", "conv", "depthwise", unit="u", activation=activation, relu=False)
    build.global_average_pool("mean", "sum", unit="u", activation=activation)
    build.linear("gate", "mean", unit="u", width=4, signed=False, gate=True, **quantized)
    build.multiply("product", "sum", "gate", unit="u", activation=activation)
    build.conv("wide", "product", unit="u", width=3, kernel=1, **quantized)
    build.pool("average", "wide", unit="u", mode="average", size=2, activation=activation)
    build.linear("head", "average", unit="h", width=3, weight=PIXELS, activation=None)
    return build.finish()


def by_hand(model: IntegerModel, image: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's codes of one image; the logits' accumulators."""
    codes: dict[str, np.ndarray] = {"input": image.astype(object)}
    for layer in model.layers[1:]:
        inputs = [
            codes[name] - int(model.grid(name).zero_point) for name in layer.node.inputs
        ]  # real zero is 0
        terms = terms_by_hand(layer, inputs)
        if layer.output is None:
            codes[layer.node.name] = terms[0]
            continue
        result = np.empty(layer.node.shape, object)
        for at in np.ndindex(layer.node.shape):
            real = sum(
                Fraction(int(term[at]) * pick(rescale.multiplier, at), 2 ** pick(rescale.shift, at))
                for term, rescale in zip(terms, layer.rescales, strict=True)
            )
            code = round(real) + int(layer.output.zero_point)  # Fraction rounds ties to even
            result[at] = min(max(code, layer.output.low), layer.output.high)
        codes[layer.node.name] = result
    return codes


def pick(numbers: np.ndarray, at: tuple[int, ...]) -> int:
    return int(numbers[at[0]]) if numbers.ndim else int(numbers)


def terms_by_hand(layer: Layer, inputs: list[np.ndarray]) -> list[np.ndarray]:
    node, x = layer.node, inputs[0]
    if node.op == "add":
        return inputs
    if node.op == "multiply":
        return [x * inputs[1].reshape(-1, 1, 1)]
    if node.op == "global_average_pool":
        return [x.sum((1, 2))]
    result = np.empty(node.shape, object)
    for at in np.ndindex(node.shape):
        if node.op == "average_pool":
            rows, columns = (range(a * node.kernel, (a + 1) * node.kernel) for a in at[1:])
            result[at] = sum(x[at[0], i, j] for i, j in itertools.product(rows, columns))
        else:
            result[at] = weighted_sum(layer, x, at)
    return [result]


def weighted_sum(layer: Layer, x: np.ndarray, at: tuple[int, ...]) -> int:
    node, kernel = layer.node, layer.kernel
    weights = kernel.codes[at[0]].astype(object) - pick(kernel.grid.zero_point, at)
    total = int(kernel.bias[at[0]])
    if node.op == "linear":
        return total + sum(weights * x.reshape(-1))
    first = at[0] if node.groups > 1 else 0
    for c, i, j in np.ndindex(weights.shape):
        row = at[1] * node.stride + i - node.kernel // 2
        column = at[2] * node.stride + j - node.kernel // 2
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            total += weights[c, i, j] * x[first + c, row, column]
    return total


@pytest.mark.parametrize("seed", range(5))
def test_every_layer_equals_arithmetic_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(small_network(), rng)
    images = random_images(model.graph, 3, rng)
    traced = reference.trace(model, images)
    for number, image in enumerate(images):
        for name, codes in by_hand(model, image).items():
            assert np.array_equal(traced[name][number], codes), name


def test_logits_are_accumulators_times_their_scales() -> None:
    rng = np.random.default_rng(0)
    model = random_model(small_network(), rng)
    images = random_images(model.graph, 7, rng)
    sums = reference.trace(model, images)["head"]
    assert sums.dtype == np.int64
    scale = float(model.grid("average").scale) * float(model.layer("head").kernel.grid.scale)
    assert np.allclose(reference.run(model, images), sums * scale, rtol=1e-15, atol=0)


def test_batches_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    model = random_model(small_network(), rng)
    images = random_images(model.graph, 7, rng)
    whole = reference.run(model, images)
    assert np.array_equal(whole, reference.run(model, images, batch=2))
    assert reference.run(model, images[:0]).shape == (0, 3)


@pytest.mark.parametrize("exact", [np.float32, np.float64])
def test_sums_are_exact_at_the_edge_of_the_type(exact: type) -> None:
    # 65,536 inputs of 255 x 127: past float32's whole numbers, still inside int32.
    fan_in = 64 if exact is np.float32 else 65_536
    build = GraphBuilder((fan_in, 1, 1), PIXELS)
    build.linear("head", "input", unit="h", width=2, weight=Method.parse("lsq:8"), activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    codes = np.full((2, fan_in), 127, np.int8)
    codes[1, ::2] = -127
    grid = dataclasses.replace(model.input, zero_point=np.int32(0))
    head = dataclasses.replace(model.layers[1], codes=codes, bias=np.array([1, -1], np.int32))
    model = IntegerModel(model.graph, (dataclasses.replace(model.layers[0], output=grid), head))
    images = np.full((1, fan_in, 1, 1), 255, np.uint8)
    sums = reference.trace(model, images)["head"]
    assert sums.tolist() == [[255 * 127 * fan_in + 1, -1]]


@given(st.integers(-(2**61), 2**61), st.integers(0, 62))
def test_round_shift_takes_ties_to_even(value: int, shift: int) -> None:
    got = reference.round_shift(np.array(value), np.array(shift))
    assert int(got) == round(Fraction(value, 2**shift))


@pytest.mark.parametrize(
    ("value", "code"), [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2), (-5, -2)]
)
def test_halves_go_to_the_even_code(value: int, code: int) -> None:
    assert reference.round_shift(np.array(value), np.array(1)) == code


@given(st.floats(2.0**-30, 2.0**30))
def test_a_rescale_has_31_significant_bits(real: float) -> None:
    rescale = reference.rescale_for(real)
    multiplier, shift = int(rescale.multiplier), int(rescale.shift)
    assert 2**30 <= multiplier < 2**31
    assert 0 <= shift <= reference.MAX_SHIFT
    assert abs(Fraction(multiplier, 2**shift) - Fraction(real)) <= Fraction(real) / 2**31


def test_powers_of_two_rescale_exactly() -> None:
    exponents = np.arange(-31, 31)
    rescale = reference.rescale_for(2.0**exponents)
    assert np.array_equal(rescale.multiplier / 2.0**rescale.shift, 2.0**exponents)


def test_a_factor_just_below_a_power_of_two_carries() -> None:
    rescale = reference.rescale_for(1 - 2.0**-40)
    assert int(rescale.multiplier) * 2 ** -float(rescale.shift) == 1.0
    assert int(rescale.multiplier) < 2**31


def test_a_vanishing_factor_sends_every_sum_to_zero() -> None:
    rescale = reference.rescale_for([1e-12, 1e-30])
    assert (rescale.shift == reference.MAX_SHIFT).all()
    value = np.array([2**31 - 1, 2**31 - 1]) * rescale.multiplier
    assert reference.round_shift(value, rescale.shift).tolist() == [0, 0]


@pytest.mark.parametrize("real", [0.0, -1.0, np.nan, np.inf, 2.0**31])
def test_factors_that_no_scale_gives_are_refused(real: float) -> None:
    with pytest.raises(ExportError, match="must be positive and below"):
        reference.rescale_for(real)


def test_the_factors_of_a_sum_share_their_shift() -> None:
    small, large = reference.rescales_for_sum([1e-7, 3.0])
    assert small.shift == large.shift
    assert int(small.multiplier) / 2.0 ** int(small.shift) == pytest.approx(1e-7, abs=2**-30)
    assert int(large.multiplier) / 2.0 ** int(large.shift) == pytest.approx(3.0, rel=2**-30)


def changed(model: IntegerModel, name: str, **changes: object) -> IntegerModel:
    layers = tuple(
        dataclasses.replace(layer, **changes) if layer.node.name == name else layer
        for layer in model.layers
    )
    return IntegerModel(model.graph, layers)


def test_what_cannot_be_computed_is_refused() -> None:
    rng = np.random.default_rng(0)
    model = random_model(small_network(), rng)
    images = random_images(model.graph, 1, rng)
    huge = np.full(4, 2**31 - 1, np.int32)
    with pytest.raises(ExportError, match=r"'conv'.*above int32's 2147483647"):
        reference.run(changed(model, "conv", bias=huge), images)
    apart = (reference.rescale_for(1e-8), reference.rescale_for(1.0))
    with pytest.raises(ExportError, match=r"'sum'.*rescales_for_sum"):
        reference.run(changed(model, "sum", rescales=apart), images)
    with pytest.raises(ExportError, match=r"'conv'.*lacks weight codes, grid or bias"):
        reference.run(changed(model, "conv", codes=None), images)
    with pytest.raises(ExportError, match="'mean' gives raw logits"):
        reference.run(changed(model, "mean", output=None), images)


@pytest.mark.parametrize(
    "codes", [np.zeros((1, 2, 5, 4), np.int16), np.zeros((1, 4, 5, 2), np.uint8)]
)
def test_codes_of_another_shape_or_type_are_refused(codes: np.ndarray) -> None:
    model = random_model(small_network(), np.random.default_rng(0))
    with pytest.raises(ExportError, match=r"the model takes uint8 \(N, 2, 5, 4\)"):
        reference.run(model, codes)
