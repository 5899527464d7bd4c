"""The exported file against the integer reference, in ONNX Runtime itself."""

import collections
import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitwright._version import __version__
from bitwright.errors import ExportError
from bitwright.export import onnx_file, reference
from bitwright.export.integer import IntegerModel
from bitwright.export.onnx_layers import outlines
from bitwright.export.packing import packed_bytes
from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.names import TRANSFORMS, traits_of
from bitwright.quant.spec import Method
from bitwright.testing.integer_models import random_images, random_model

# ONNX Runtime rescales in float32, the reference by 31-bit fixed point: a sum within 2**-22 of the
# middle between two codes may round to the other one. No code is ever two off.
FLIPPED_CODES = 0.001
LARGEST_FLIP = 1
# Through a whole network a flip may spread; where no code flipped, logits agree as float32 does.
EQUAL_LOGITS = 1e-5
IMAGES_WITH_FLIPS = 0.1
# With power-of-two scales, a mean over 7x7 often lies exactly between two codes. No multiplier is
# 1/49: the reference rounds such ties to the side its multiplier errs to, ONNX Runtime to even.
TIED_MEANS = 0.01

PIXELS = Method("uniform", 8, per_channel=False)
FLOAT_OPERATORS = {
    "Add",
    "AveragePool",
    "Conv",
    "FusedConv",
    "FusedGemm",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "Mul",
    "QuantizeLinear",
}
WEIGHTS = [
    f"{transform}:{bits}:{grain}"
    for transform in ("lsq", "affine")
    for bits in range(1, 9)
    for grain in ("tensor", "channel")
]


def optimized_operators(path: Path) -> collections.Counter[str]:
    """What ONNX Runtime makes of the file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    return collections.Counter(node.op_type for node in graph.node)


def logits(path: Path, images: np.ndarray, *, precise: bool = False) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1" if precise else "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (values,) = session.run(["logits"], {"images": images})
    return values


def network(weight: Method, activation: Method, *, size: int = 12) -> Graph:
    """Every kind of layer: kernels 1 to 7, strides, depthwise, residual, squeeze-excite, pools."""
    build = GraphBuilder((3, size, size), PIXELS)
    quantized = {"weight": weight, "activation": activation}
    build.conv("stem", "input", unit="stem", width=8, kernel=3, **quantized)
    build.conv("a", "stem", unit="u", width=8, kernel=7, depthwise=True, **quantized)
    build.global_average_pool("mean", "a", unit="u", activation=activation)
    build.linear("squeeze", "mean", unit="u", width=4, signed=False, **quantized)
    build.linear("gate", "squeeze", unit="u", width=8, signed=False, gate=True, **quantized)
    build.multiply("excite", "a", "gate", unit="u", activation=activation)
    build.conv("b", "excite", unit="u", width=8, kernel=1, relu=False, **quantized)
    build.add("sum", "stem", "b", unit="u", activation=activation, relu=True)
    build.conv("c", "sum", unit="c", width=12, kernel=5, stride=2, **quantized)
    build.pool("max", "c", unit="p", mode="max", size=2, activation=activation)
    build.pool("average", "max", unit="p", mode="average", size=2, activation=activation)
    build.linear("head", "average", unit="head", width=10, weight=weight, activation=None)
    return build.finish()


def one_layer(op: str, transform: str) -> Graph:
    """A graph whose last layer is of that kind and gives codes: every one can be compared."""
    # On 8x8 maps the mean's divisor is a power of two: ties stay ties, and both must take the even.
    weight, activation = Method(transform, 8, per_channel=True), Method(transform, 8, False)
    build = GraphBuilder((6, 8, 8), activation)
    quantized = {"weight": weight, "activation": activation}
    if op in ("conv", "pointwise", "strided", "depthwise"):
        kernel, stride = {"pointwise": (1, 1), "strided": (5, 2)}.get(op, (3, 1))
        build.conv(
            "last",
            "input",
            unit="u",
            width=6 if op == "depthwise" else 16,
            kernel=kernel,
            stride=stride,
            depthwise=op == "depthwise",
            relu=False,
            **quantized,
        )
    elif op == "linear":
        build.linear("last", "input", unit="u", width=64, **quantized)
    elif op == "add":
        build.conv("a", "input", unit="u", width=6, kernel=1, **quantized)
        build.add("last", "input", "a", unit="u", activation=activation, relu=False)
    elif op == "multiply":
        build.global_average_pool("mean", "input", unit="u", activation=activation)
        build.linear("gate", "mean", unit="u", width=6, signed=False, gate=True, **quantized)
        build.multiply("last", "input", "gate", unit="u", activation=activation)
    elif op in ("max", "average"):
        build.pool("last", "input", unit="u", mode=op, size=2, activation=activation)
    else:
        build.global_average_pool("last", "input", unit="u", activation=activation)
    return build.finish()


LAYERS = ["conv", "pointwise", "strided", "depthwise", "linear", "add", "multiply"]
POOLS = ["max", "average", "global"]


@pytest.mark.parametrize("transform", ["lsq", "affine", "power_of_two"])
@pytest.mark.parametrize("op", LAYERS + POOLS)
def test_a_layer_gives_the_codes_of_the_reference(op: str, transform: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = random_model(one_layer(op, transform), rng)
    images = random_images(model.graph, 64, rng)
    onnx_file.write(model, tmp_path / "m.onnx", {})
    grid = model.layers[-1].output
    assert grid is not None
    got = np.rint(logits(tmp_path / "m.onnx", images) / grid.scale) + grid.zero_point
    wanted = reference.trace(model, images)["last"].astype(int)
    assert np.unique(wanted).size > 15
    assert np.abs(got - wanted).max() <= LARGEST_FLIP
    assert (got != wanted).mean() <= FLIPPED_CODES


@pytest.mark.parametrize(("transform", "allowed"), [("power_of_two", TIED_MEANS), ("lsq", 0)])
def test_means_over_odd_areas_differ_in_ties_alone(
    transform: str, allowed: float, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    activation = Method(transform, 8, per_channel=False)
    build = GraphBuilder((16, 7, 7), activation)
    build.global_average_pool("last", "input", unit="u", activation=activation)
    model = random_model(build.finish(), rng)
    images = random_images(model.graph, 200, rng)
    onnx_file.write(model, tmp_path / "m.onnx", {})
    grid = model.grid("last")
    got = np.rint(logits(tmp_path / "m.onnx", images) / grid.scale) + grid.zero_point
    wanted = reference.trace(model, images)["last"].astype(int)
    assert np.abs(got - wanted).max() <= LARGEST_FLIP
    assert (got != wanted).mean() <= allowed


def assert_same_logits(model: IntegerModel, path: Path, images: np.ndarray) -> None:
    wanted, got = reference.run(model, images), logits(path, images)
    apart = np.abs(got - wanted).max(1) > EQUAL_LOGITS * np.abs(wanted).max()
    assert apart.mean() <= IMAGES_WITH_FLIPS


def test_the_models_tested_with_tell_images_apart() -> None:
    rng = np.random.default_rng(1)
    for weight in WEIGHTS:
        model = random_model(network(Method.parse(weight), Method("lsq", 4, False)), rng)
        assert reference.run(model, random_images(model.graph, 20, rng)).std(0).max() > 0, weight


@pytest.mark.parametrize("bits", [8, 3, 1])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_width_runs_in_integers_and_lies_packed(
    weight: str, bits: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    model = random_model(network(Method.parse(weight), Method("lsq", bits, False)), rng)
    path = tmp_path / "m.onnx"
    onnx_file.write(model, path, {})
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert not FLOAT_OPERATORS & set(optimized_operators(path))
    assert path.stat().st_size <= 1.10 * packed_bytes(model) + 16_000
    assert_same_logits(model, path, random_images(model.graph, 40, rng))


@pytest.mark.parametrize(
    ("weight", "activation"),
    [
        ("apot:4:channel", "lsq:8"),
        ("apot:7:tensor", "apot:4"),
        ("binary:1:tensor", "pact:1"),
        ("codebook:1:channel", "lsq:4"),
        ("codebook:2:tensor", "dorefa:2"),
        ("codebook:3:tensor", "lsq:4"),
        ("codebook:4:tensor", "logarithmic:3"),
        ("codebook:4:channel", "lsq:4"),
        ("codebook:8:channel", "apot:8"),
        ("dorefa:3:channel", "dorefa:3"),
        ("dorefa:7:tensor", "lsq:8"),
        ("logarithmic:5:channel", "logarithmic:5"),
        ("ternary:2:channel", "apot:2"),
    ],
)
def test_uneven_levels_run_in_integers_and_lie_packed(
    weight: str, activation: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    graph = network(Method.parse(weight), Method.parse(activation, "activation"))
    model = random_model(graph, rng)
    path = tmp_path / "m.onnx"
    onnx_file.write(model, path, {})
    operators = optimized_operators(path)
    assert not FLOAT_OPERATORS & set(operators)
    uneven = [layer for layer in model.layers[1:] if layer.output and layer.output.uneven]
    looked_up = [layer for layer in uneven if layer.node.op != "max_pool"]
    assert operators["GatherElements"] == len(looked_up), "weights are looked up when it is loaded"
    assert not operators["Gather"]
    assert path.stat().st_size <= 1.10 * packed_bytes(model) + 16_000
    assert_same_logits(model, path, random_images(model.graph, 40, rng))


@pytest.mark.parametrize("weight", ["lsq:8:tensor", "lsq:8:channel", "affine:8:tensor", "affine:4"])
def test_processors_that_need_the_exact_mode_get_the_same(weight: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    model = random_model(network(Method.parse(weight), Method("lsq", 8, False)), rng)
    onnx_file.write(model, tmp_path / "m.onnx", {})
    images = random_images(model.graph, 40, rng)
    plain, precise = (logits(tmp_path / "m.onnx", images, precise=on) for on in (False, True))
    assert np.abs(plain - precise).max() <= EQUAL_LOGITS * np.abs(plain).max()


LARGE = [f"lsq:{bits}" for bits in range(1, 9)]
LARGE += ["apot:4", "binary:1", "codebook:2", "codebook:4:tensor", "dorefa:5", "logarithmic:6"]


@pytest.mark.parametrize("method", LARGE)
def test_a_large_file_is_at_most_a_tenth_above_its_packed_size(method: str, tmp_path: Path) -> None:
    build = GraphBuilder((64, 8, 8), PIXELS)
    weight, activation = Method.parse(method), Method("lsq", 4, False)
    for at in range(3):
        build.conv(
            f"conv{at}",
            build.last,
            unit="u",
            width=160,
            kernel=3,
            weight=weight,
            activation=activation,
        )
    build.linear("head", build.last, unit="h", width=10, weight=weight, activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    onnx_file.write(model, tmp_path / "m.onnx", {})
    size = (tmp_path / "m.onnx").stat().st_size
    assert packed_bytes(model) <= size <= 1.10 * packed_bytes(model)


METHODS = st.sampled_from(
    [
        Method(name, bits, per_channel)
        for name in TRANSFORMS
        for bits in traits_of(name).weights
        for per_channel in (False, True)
    ]
)
NARROW = st.sampled_from(
    [
        Method(name, bits, False)
        for name in ("apot", "logarithmic", "lsq")
        for bits in traits_of(name).activations
    ]
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A random stack of layers; methods differ from layer to layer."""
    size, channels = draw(st.integers(4, 9)), draw(st.integers(1, 3))
    build = GraphBuilder((channels, size, size), PIXELS)
    for at in range(draw(st.integers(1, 5))):
        source, here = build.last, build.shape(build.last)
        weight, activation = draw(METHODS), draw(NARROW)
        kind = draw(st.sampled_from(["conv", "depthwise", "residual", "pool", "gate"]))
        if kind == "pool" and here[1] < 2:
            kind = "conv"
        if kind == "pool":
            mode = draw(st.sampled_from(["max", "average"]))
            build.pool(f"p{at}", source, unit="u", mode=mode, size=2, activation=activation)
            continue
        if kind == "gate":
            mean = build.global_average_pool(f"m{at}", source, unit="u", activation=activation)
            gate = build.linear(
                f"g{at}", mean, unit="u", width=here[0], weight=weight, activation=activation,
                signed=False, gate=True,
            )  # fmt: skip
            build.multiply(f"x{at}", source, gate, unit="u", activation=activation)
            continue
        depthwise, residual = kind == "depthwise", kind == "residual"
        build.conv(
            f"c{at}",
            source,
            unit="u",
            width=here[0] if depthwise or residual else draw(st.integers(1, 9)),
            kernel=draw(st.sampled_from([1, 3, 5, 7])),
            stride=1 if residual else draw(st.integers(1, 2)),
            depthwise=depthwise,
            relu=draw(st.booleans()),
            weight=weight,
            activation=activation,
        )
        if residual:
            build.add(
                f"s{at}", source, build.last, unit="u", activation=draw(NARROW),
                relu=draw(st.booleans()),
            )  # fmt: skip
    if draw(st.booleans()):
        build.global_average_pool("gap", build.last, unit="u", activation=draw(NARROW))
    build.linear("head", build.last, unit="h", width=5, weight=draw(METHODS), activation=None)
    return build.finish()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=graphs(), seed=st.integers(0, 2**16))
def test_any_network_agrees_with_the_reference(graph: Graph, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(graph, rng)
    path = tmp_path / "m.onnx"
    onnx_file.write(model, path, {})
    assert not FLOAT_OPERATORS & set(optimized_operators(path))
    assert_same_logits(model, path, random_images(graph, 30, rng))


def test_random_models_of_maps_that_died_can_be_written(tmp_path: Path) -> None:
    """In nearly half of these the one channel is zero for both images that set the scales."""
    narrow, binary = Method("apot", 2, False), Method("affine", 1, False)
    build = GraphBuilder((1, 1, 1), PIXELS)
    build.conv("conv", build.last, unit="u", width=1, kernel=1, weight=binary, activation=narrow)
    build.global_average_pool("mean", build.last, unit="u", activation=narrow)
    build.linear("head", build.last, unit="h", width=5, weight=binary, activation=None)
    graph = build.finish()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        model = random_model(graph, rng)
        onnx_file.write(model, tmp_path / "m.onnx", {})
        assert_same_logits(model, tmp_path / "m.onnx", random_images(graph, 30, rng))


@pytest.fixture
def small() -> IntegerModel:
    graph = network(Method.parse("lsq:4"), Method("lsq", 4, False))
    return random_model(graph, np.random.default_rng(0))


def test_the_file_carries_its_metadata_and_the_version(small: IntegerModel, tmp_path: Path) -> None:
    onnx_file.write(small, tmp_path / "m.onnx", {"study": "digits", "accuracy": "0.97"})
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    metadata = session.get_modelmeta().custom_metadata_map
    assert outlines(metadata.pop("layers"))[-1].node == small.graph.output
    assert metadata == {
        "study": "digits",
        "accuracy": "0.97",
        "bitwright_version": __version__,
    }
    (images,), (values,) = session.get_inputs(), session.get_outputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["N", 3, 12, 12])
    assert (values.name, values.type, values.shape) == ("logits", "tensor(float)", ["N", 10])


def test_equal_models_give_equal_files(small: IntegerModel, tmp_path: Path) -> None:
    for name in ("a", "b"):
        onnx_file.write(small, tmp_path / name, {"study": "x"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_that_is_not_there_is_named(small: IntegerModel, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=f"cannot write.*{os.strerror(errno.ENOENT)}"):
        onnx_file.write(small, tmp_path / "no" / "m.onnx", {})


def replaced(model: IntegerModel, name: str, **changes: object) -> IntegerModel:
    layers = tuple(
        dataclasses.replace(layer, **changes) if layer.node.name == name else layer
        for layer in model.layers
    )
    return IntegerModel(model.graph, layers)


def regridded(model: IntegerModel, name: str, **changes: object) -> IntegerModel:
    return replaced(model, name, output=dataclasses.replace(model.grid(name), **changes))


def test_what_integer_kernels_cannot_do_is_refused(small: IntegerModel) -> None:
    scales = np.full(8, 0.1, np.float32)
    with pytest.raises(ExportError, match=r"'stem'.*8 scales.*per tensor"):
        onnx_file.build(regridded(small, "stem", scale=scales), {})
    with pytest.raises(ExportError, match=r"'stem'.*scale 0\.0"):
        onnx_file.build(regridded(small, "stem", scale=np.float32(0)), {})
    with pytest.raises(ExportError, match=r"'stem'.*do not fit uint8"):
        onnx_file.build(regridded(small, "stem", high=256), {})
    with pytest.raises(ExportError, match=r"'b' .* only a linear layer at the end may"):
        onnx_file.build(replaced(small, "b", output=None), {})


def test_a_mean_that_the_kernel_fails_on_is_refused(small: IntegerModel) -> None:
    rescale = reference.rescale_for(300.0)
    with pytest.raises(ExportError, match=r"'mean'.*rescaled by 300, outside 2\.33e-10 to 256"):
        onnx_file.build(replaced(small, "mean", rescales=(rescale,)), {})


def test_codes_off_their_grid_are_refused(small: IntegerModel) -> None:
    codes = small.layer("stem").kernel.codes.copy()
    codes[0, 0, 0, 0] = 8
    with pytest.raises(ExportError, match=r"leave their grid -8\.\.7"):
        onnx_file.build(replaced(small, "stem", codes=codes), {})
