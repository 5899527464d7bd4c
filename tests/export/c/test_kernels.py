"""The C kernels against the integer reference: every code of every layer is the same."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitwright.export import reference
from bitwright.export.c.host import HostModel
from bitwright.export.c.weights import FORMS, store
from bitwright.export.integer import Grid, IntegerModel, Kernel, Layer, Rescale
from bitwright.graph import GraphBuilder
from bitwright.quant.spec import Method
from bitwright.testing.c_networks import PIXELS, every_layer
from bitwright.testing.integer_models import random_images, random_model

WEIGHTS = (
    *(f"lsq:{bits}:{'channel' if bits % 2 else 'tensor'}" for bits in range(1, 9)),
    *("affine:8:channel", "affine:4:channel", "affine:3:tensor", "binary:1", "ternary:2"),
    *("dorefa:5", "dorefa:8", "apot:4", "apot:8", "logarithmic:5", "power_of_two:4"),
    *("codebook:1:tensor", "codebook:2:tensor", "codebook:3:channel", "codebook:8"),
)
ACTIVATIONS = ("lsq:8:tensor", "power_of_two:8:tensor", "apot:4:tensor", "affine:2:tensor")


def assert_exact(model: IntegerModel, images: np.ndarray) -> None:
    built = assert_codes_exact(model, images)
    assert np.array_equal(built.predict(images), reference.run(model, images).argmax(1))


def assert_codes_exact(model: IntegerModel, images: np.ndarray) -> HostModel:
    built = HostModel(model)
    expected = reference.trace(model, images)
    for at, image in enumerate(images):
        found = built.trace(image)
        for name, codes in expected.items():
            assert np.array_equal(found[name], codes[at]), f"image {at}, layer '{name}'"
    return built


@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_layer_is_exact(weight: str) -> None:
    activation = ACTIVATIONS[WEIGHTS.index(weight) % len(ACTIVATIONS)]
    rng = np.random.default_rng(WEIGHTS.index(weight))
    model = random_model(every_layer(weight, activation), rng)
    images = random_images(model.graph, 4, rng)
    images[0], images[1] = 0, 255
    assert_exact(model, images)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_exact(activation: str) -> None:
    rng = np.random.default_rng(7)
    model = random_model(every_layer("lsq:4", activation), rng)
    assert_exact(model, random_images(model.graph, 2, rng))


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_any_shape_is_exact(data: st.DataObject) -> None:
    whole = st.integers
    build = GraphBuilder(
        (data.draw(whole(1, 40)), data.draw(whole(1, 9)), data.draw(whole(1, 9))), PIXELS
    )
    bits = data.draw(whole(1, 8))
    quantized = {
        "weight": Method("affine", bits, per_channel=data.draw(st.booleans())),
        "activation": Method("affine", data.draw(whole(1, 8)), per_channel=False),
    }
    for at in range(data.draw(whole(1, 3))):
        build.conv(
            f"conv{at}",
            build.last,
            unit="u",
            width=data.draw(whole(1, 20)),
            kernel=data.draw(st.sampled_from((1, 3, 5, 7))),
            stride=data.draw(whole(1, 3)),
            relu=data.draw(st.booleans()),
            **quantized,
        )
        if data.draw(st.booleans()):
            channels = build.shape(build.last)[0]
            kernel = data.draw(st.sampled_from((1, 3, 5)))
            name, source = f"deep{at}", build.last
            stride = data.draw(whole(1, 3))
            shape = {"width": channels, "kernel": kernel, "stride": stride, "depthwise": True}
            build.conv(name, source, unit="u", **shape, **quantized)
    build.linear("head", build.last, unit="h", width=3, weight=quantized["weight"], activation=None)
    rng = np.random.default_rng(data.draw(whole(0, 2**32)))
    model = random_model(build.finish(), rng)
    assert_exact(model, random_images(model.graph, 2, rng))


def one_linear(inputs: int, rescale: Rescale, *, zero: int = 3, high: int = 255) -> IntegerModel:
    """Sums that are their input's pixel, times a weight of 127 for the first, rescaled."""
    build = GraphBuilder((inputs, 1, 1), PIXELS)
    build.linear(
        "head",
        "input",
        unit="h",
        width=3,
        weight=Method.parse("lsq:8:tensor"),
        activation=Method.parse("lsq:8:tensor", "activation"),
    )
    graph = build.finish()
    grid = Grid(np.float32(1), np.int32(0), 8, -128, 127)
    codes = np.array([[127] * inputs, [1] + [0] * (inputs - 1), [-128] * inputs], np.int8)
    output = Grid(np.float32(1), np.int32(zero), 8, 0, high)
    bias = np.array([-5, 0, 7], np.int32)
    source = Layer(graph.input, dataclasses.replace(grid, low=0, high=255))
    return IntegerModel(graph, (source, Layer(graph.output, output, codes, grid, bias, (rescale,))))


def one_conv(
    channels: int, rescale: Rescale, *, depthwise: bool = False, kernel: int = 1
) -> IntegerModel:
    """Sums that are their input's pixel times weights in the window's middle, rescaled."""
    build = GraphBuilder((channels, 3, 5), PIXELS)
    build.conv(
        "conv",
        "input",
        unit="u",
        width=3,
        kernel=kernel,
        depthwise=depthwise,
        weight=Method.parse("lsq:8:tensor"),
        activation=Method.parse("lsq:8:tensor", "activation"),
    )
    graph = build.finish()
    grid = Grid(np.float32(1), np.int32(0), 8, -128, 127)
    codes = np.zeros((3, 1 if depthwise else channels, kernel, kernel), np.int8)
    codes[:, 0, kernel // 2, kernel // 2] = [127, 1, -128]
    output = Grid(np.float32(1), np.int32(3), 8, 0, 255)
    source = Layer(graph.input, dataclasses.replace(grid, low=0, high=255))
    bias = np.array([-5, 0, 7], np.int32)
    return IntegerModel(graph, (source, Layer(graph.output, output, codes, grid, bias, (rescale,))))


SHIFTS = [0, 1, 2, 3, 4, 8, 16, 30, 31, 32, 33, 34, 36, 40, 43, 44, 45, 50, 62]
MULTIPLIERS = [1, 2**30, 2**31 - 1, 3 * 2**20, 1_518_500_249]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("multiplier", MULTIPLIERS)
def test_every_shift_rounds_exactly(shift: int, multiplier: int) -> None:
    model = one_linear(2, Rescale(np.int64(multiplier), np.int64(shift)))
    pixels = [[0, 0], [0, 1], [1, 0], [2, 0], [3, 1], [6, 0], [128, 0], [129, 7], [255, 255]]
    images = np.array(pixels, np.uint8).reshape(-1, 2, 1, 1)
    expected = reference.trace(model, images)["head"].astype(int) - 3
    assert np.array_equal(HostModel(model).logits(images), expected)


@pytest.mark.parametrize(("kernel", "depthwise"), [(1, False), (3, True), (5, True)])
@pytest.mark.parametrize("shift", SHIFTS[::2])
@pytest.mark.parametrize("multiplier", MULTIPLIERS[1::2])
def test_convolutions_round_exactly_at_every_shift(
    shift: int, multiplier: int, kernel: int, depthwise: bool
) -> None:
    rescale = Rescale(np.int64(multiplier), np.int64(shift))
    model = one_conv(3, rescale, depthwise=depthwise, kernel=kernel)
    rng = np.random.default_rng(shift)
    images = np.concatenate(
        [rng.integers(0, high, (2, 3, 3, 5), np.uint8) for high in (3, 20, 255)]
    )
    assert_codes_exact(model, images)


@pytest.mark.parametrize("shift", [33, 35, 37])
def test_few_uneven_levels_of_small_codes_are_exact(shift: int) -> None:
    """Too few weights for a table: they are stored as 8 bits, further apart than their levels."""
    model = one_conv(4, Rescale(np.int64(1_518_500_249), np.int64(shift)))
    source, layer = model.layers
    levels = np.array([-6, -5, -1, 0, 1, 5, 6], np.int32)
    grid = Grid(np.float32(1), np.int32(0), 3, -6, 6, levels)
    codes = np.array([[5, -1, 0, -5], [1, 5, -5, 0], [0, -1, 1, 5]], np.int8)
    assert store(Kernel(codes, grid, np.zeros(3, np.int32)), order=(0, 1)).form == "w8"
    layer = dataclasses.replace(layer, codes=codes.reshape(3, 4, 1, 1), weights=grid)
    model = dataclasses.replace(model, layers=(source, layer))
    assert_codes_exact(model, random_images(model.graph, 4, np.random.default_rng(shift)))


@pytest.mark.parametrize("depthwise", [False, True])
def test_halves_of_convolutions_go_to_the_even_code(depthwise: bool) -> None:
    model = one_conv(3, Rescale(np.int64(2**30), np.int64(31)), depthwise=depthwise)
    images = np.arange(45, dtype=np.uint8).reshape(1, 3, 3, 5)
    found = HostModel(model).trace(images[0])["conv"][1].reshape(-1)
    pixels = images[0, 1 if depthwise else 0].reshape(-1)
    assert found.tolist() == [3 + round(int(pixel) / 2) for pixel in pixels]


def test_halves_go_to_the_even_code() -> None:
    model = one_linear(1, Rescale(np.int64(2**30), np.int64(31)), zero=128)
    images = np.arange(8, dtype=np.uint8).reshape(-1, 1, 1, 1)
    assert HostModel(model).logits(images)[:, 1].tolist() == [0, 0, 1, 2, 2, 2, 3, 4]


def test_sums_are_exact_at_the_edge_of_int32() -> None:
    fan_in = 65_536
    build = GraphBuilder((fan_in, 1, 1), PIXELS)
    build.linear("head", "input", unit="h", width=2, weight=Method.parse("lsq:8"), activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    codes = np.full((2, fan_in), 127, np.int8)
    codes[1] = -127
    grid = dataclasses.replace(model.input, zero_point=np.int32(0))
    head = dataclasses.replace(model.layers[1], codes=codes, bias=np.array([1, -1], np.int32))
    model = IntegerModel(model.graph, (dataclasses.replace(model.layers[0], output=grid), head))
    images = np.full((1, fan_in, 1, 1), 255, np.uint8)
    assert HostModel(model).logits(images).tolist() == [
        [255 * 127 * fan_in + 1, -255 * 127 * fan_in - 1]
    ]


def test_every_form_of_weights_was_tried() -> None:
    assert {Method.parse(weight).bits for weight in WEIGHTS} >= set(range(1, len(FORMS) + 1))


def test_threads_may_share_a_model() -> None:
    from concurrent.futures import ThreadPoolExecutor

    model = random_model(every_layer("lsq:4", "lsq:8:tensor"), np.random.default_rng(0))
    images = random_images(model.graph, 16, np.random.default_rng(1))
    built = HostModel(model)
    alone = built.logits(images)
    assert len(np.unique(alone, axis=0)) == len(images)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(built.logits, [images] * 8):
            assert np.array_equal(found, alone)
