"""The LiteRT target: what runs computes the integer model, in XNNPACK's integer kernels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bitwright.cli.app import run
from bitwright.errors import ExportError, TargetError
from bitwright.export import reference
from bitwright.export.integer import Grid, IntegerModel, Layer
from bitwright.export.tflite import build
from bitwright.export.tflite_file import metadata_of
from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.spec import Method
from bitwright.space.joint import expand
from bitwright.targets.base import make
from bitwright.targets.litert import LiteRt, Running
from bitwright.testing.c_networks import PIXELS, every_layer
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of

FLIPPED = 0.0001  # codes that float32 rescaling may put one off: sums that lie all but on a half
DIFFERENT = 0.001  # of the predictions
LOGITS = 1e-6  # of the largest: logits are float32 of exact sums

METHODS = [
    ("lsq:8", "lsq:8:tensor"),
    ("lsq:4", "lsq:4:tensor"),
    ("affine:7", "affine:8:tensor"),
    ("codebook:4", "pact:3:tensor"),
    ("binary:1", "lsq:1:tensor"),
    ("apot:4", "power_of_two:6:tensor"),
    ("dorefa:4", "dorefa:4:tensor"),  # so do means
    ("lsq:8", "power_of_two:8:tensor"),  # sums lie on halves, where kernels differ
]


@pytest.fixture(autouse=True)
def _runtime() -> None:
    pytest.importorskip("ai_edge_litert", reason="comes with the extra 'litert'")


def random_network(weight: str, activation: str) -> IntegerModel:
    return random_model(every_layer(weight, activation), np.random.default_rng(0))


def running(model: IntegerModel) -> Running:
    return Running(build(model, {}), model.graph.input.shape, threads=1)


def codes_off(model: IntegerModel, images: np.ndarray, last: int) -> np.ndarray:
    """How far each code of a layer, the last of those that run, is from the reference's."""
    part = IntegerModel(Graph(model.graph.nodes[: last + 1]), model.layers[: last + 1])
    node, grid = model.layers[last].node, model.layers[last].output
    assert grid is not None
    wanted = reference.trace(part, images)[node.name]
    if wanted.ndim == 4:
        wanted = wanted.transpose(0, 2, 3, 1)
    found = running(part).logits(images) / float(grid.scale) + float(grid.zero_point)
    return np.abs(found - wanted.reshape(found.shape))


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_every_layer_computes_the_references_codes(weight: str, activation: str) -> None:
    model = random_network(weight, activation)
    images = random_images(model.graph, 40, np.random.default_rng(1))
    for last in range(1, len(model.layers) - 1):
        off = codes_off(model, images, last)
        assert (off > 0.5).mean() <= FLIPPED and off.max() < 1.5, model.layers[last].node.name
    wanted = reference.run(model, images)
    found = running(model).logits(images)
    assert np.abs(found - wanted).max() <= LOGITS * np.abs(wanted).max()


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_one_image_at_a_time_gives_the_same(weight: str, activation: str) -> None:
    model = random_network(weight, activation)
    images = random_images(model.graph, 300, np.random.default_rng(1))  # more than go at a time
    alone, together = running(model), running(model)
    single = np.concatenate([alone.logits(image[None]) for image in images])
    assert np.array_equal(single, together.logits(images))


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (3, 1), (3, 2), (3, 3), (5, 2), (7, 4)])
def test_windows_lie_where_ours_do(size: int, kernel: int, stride: int) -> None:
    build = GraphBuilder((2, size, size + 1), PIXELS)
    codes = Method.parse("lsq:8:tensor", "activation")
    given = {"kernel": kernel, "stride": stride, "activation": codes, "width": 2, "unit": "u"}
    build.conv("whole", "input", weight=Method.parse("lsq:8"), **given)
    build.conv("each", "input", weight=Method.parse("lsq:8"), depthwise=True, **given)
    build.add("both", "whole", "each", unit="u", activation=codes, relu=False)
    build.linear("head", "both", unit="h", width=3, weight=Method.parse("lsq:8"), activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    images = random_images(model.graph, 20, np.random.default_rng(1))
    for last in (1, 2, 3):
        assert codes_off(model, images, last).max() < 0.5


@pytest.mark.parametrize("size", [(2, 3), (5, 6), (7, 10)])
@pytest.mark.parametrize("high", [255, 15])
def test_means_on_fixed_ranges_are_the_integers(size: tuple[int, int], high: int) -> None:
    build = GraphBuilder((4, *size), PIXELS)
    codes = Method.parse("lsq:8:tensor", "activation")
    build.global_average_pool("mean", "input", unit="u", activation=codes)
    graph = build.finish()
    scales = [np.array(1 / top, np.float32) for top in (255, high)]
    source = Grid(scales[0], np.array(0, np.int32), 8, 0, 255)
    output = dataclasses.replace(source, scale=scales[1], high=high)
    rescales = reference.rescales_of(graph.output, [source], output, window=size[0] * size[1])
    layers = (Layer(graph.input, source), Layer(graph.output, output, rescales=rescales))
    rng = np.random.default_rng(0)
    brightness = rng.integers(1, 257, (2000, 4, 1, 1))
    images = (rng.random((2000, 4, *size)) * brightness).astype(np.uint8)
    assert codes_off(IntegerModel(graph, layers), images, 1).max() < 0.5


def test_sums_of_fixed_ranges_are_the_integers() -> None:
    build = GraphBuilder((4, 6, 6), PIXELS)
    codes = Method.parse("lsq:8:tensor", "activation")
    for name in ("a", "b"):
        build.conv(
            name, "input", unit="u", width=8, kernel=3, relu=False,
            weight=Method.parse("lsq:8"), activation=codes,
        )  # fmt: skip
    build.add("both", "a", "b", unit="u", activation=codes, relu=False)
    model = random_model(build.finish(), np.random.default_rng(0))
    image, first, second, total = model.layers
    # The quotient of the second two is 3/8: four of its codes are one and a half, of either sign.
    grids = [
        Grid(np.array(scale, np.float32), np.array(zero, np.int32), 8, 0, 2 * zero - 1)
        for scale, zero in ((1 / 3, 4), (1 / 8, 32), (1 / 3, 4))
    ]
    layers = [image]
    for layer, grid in zip((first, second), grids, strict=False):
        assert layer.weights is not None and layer.output is not None
        wider = grid.scale * grid.high / (layer.output.scale * layer.output.high)
        weights = dataclasses.replace(layer.weights, scale=layer.weights.scale * wider)
        rescales = reference.rescales_of(layer.node, [model.input], grid, weights=weights)
        layers.append(dataclasses.replace(layer, output=grid, weights=weights, rescales=rescales))
    rescales = reference.rescales_of(total.node, grids[:2], grids[2])
    layers.append(dataclasses.replace(total, output=grids[2], rescales=rescales))
    images = random_images(model.graph, 100, np.random.default_rng(1))
    assert codes_off(IntegerModel(model.graph, tuple(layers)), images, 3).max() < 0.5


@pytest.mark.parametrize("factor", [1e-5, 1e5])
def test_factors_that_xnnpack_does_not_take_give_the_same_codes(factor: float) -> None:
    model = random_network("lsq:4", "lsq:4:tensor")
    images = random_images(model.graph, 40, np.random.default_rng(1))
    for last, layer in enumerate(model.layers):
        if layer.node.op not in ("conv", "multiply", "add") or layer.output is None:
            continue
        grid = dataclasses.replace(layer.output, scale=layer.output.scale * np.float32(factor))
        sources = [model.grid(name) for name in layer.node.inputs]
        rescales = reference.rescales_of(layer.node, sources, grid, weights=layer.weights)
        changed = dataclasses.replace(layer, output=grid, rescales=rescales)
        layers = (*model.layers[:last], changed, *model.layers[last + 1 :])
        off = codes_off(IntegerModel(model.graph, layers), images, last)
        assert off.max() < 0.5, layer.node.name


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_all_but_the_last_sums_run_in_xnnpack(weight: str, activation: str) -> None:
    interpreter = running(random_network(weight, activation))._interpreter
    delegated = [at for at in interpreter._get_ops_details() if at["op_name"] == "DELEGATE"]
    assert len(delegated) == 2  # what comes before the exact sums of the logits, and what after


def test_buffers_are_aligned() -> None:
    from bitwright.export.tflite_file import schema

    file = build(random_network("lsq:4", "lsq:4:tensor"), {"study": "pets"})
    model = schema().Model.GetRootAsModel(file)
    buffers = [model.Buffers(at) for at in range(model.BuffersLength())]
    starts = [
        buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()
    ]
    assert len(starts) >= 30 and all(start % 16 == 0 for start in starts)


def test_uneven_activations_and_wide_zero_points_are_refused() -> None:
    target = LiteRt()
    for method, role, said in (
        (Method.parse("apot:4", "activation"), "activation", "uneven levels"),
        (Method.parse("affine:8:channel"), "weight", "leave LiteRT's int8"),
        (Method("lsq", 8, per_channel=True), "activation", "one scale for its whole input"),
        (Method("none", 32, per_channel=False), "weight", "at most 8 bits"),
    ):
        assert said in (target.supports(method, role) or ""), method  # type: ignore[arg-type]
    assert target.supports(Method.parse("affine:7:channel"), "weight") is None
    assert target.supports(Method.parse("codebook:4"), "weight") is None
    with pytest.raises(ExportError, match="uneven levels; choose"):
        build(random_network("lsq:4", "apot:4:tensor"), {})
    with pytest.raises(ExportError, match="outside int8; choose"):
        build(random_network("affine:8:channel", "lsq:8:tensor"), {})


def test_the_file_is_written_with_its_metadata_and_answers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path, folder, target = tmp_path / "model.onnx", tmp_path / "there", make("litert")
    graph = expand(blueprint_of({"name": "stem", "width": 8}, {"name": "body", "width": 8}))
    target.export(random_model(graph, np.random.default_rng(0)), path, {"study": "pets"})
    assert run(["export", str(path), "--target", "litert", "--out", str(folder)]) == 0
    said = capfd.readouterr().out
    assert f"LiteRT file {folder}/model.tflite" in said and "TFLite size: " in said
    file = folder / "model.tflite"
    assert [part.name for part in folder.iterdir()] == ["model.tflite"]
    assert metadata_of(file.read_bytes())["study"] == "pets"
    images = random_images(graph, 20, np.random.default_rng(1))
    loaded = target.load(path)
    found = loaded.logits(images)
    assert capfd.readouterr().err == ""  # LiteRT would greet there
    answer = Interpreter(str(file)).get_signature_runner("serving_default")
    one = answer(images=np.ascontiguousarray(images[:1].transpose(0, 2, 3, 1)))["logits"]
    assert np.array_equal(one, found[:1])
    assert loaded.logits(images[:0]).shape == (0, 10)
    with pytest.raises(TargetError, match="the network takes uint8"):
        loaded.logits(images[:, :, 1:])
    assert target.measure(path)["tflite_bytes"].value > 0


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    import onnx

    value = onnx.helper.make_tensor_value_info
    real = onnx.TensorProto.FLOAT
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph(
        [node], "g", [value("x", real, [1, 3])], [value("y", real, [1, 3])]
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "theirs.onnx")
    with pytest.raises(TargetError, match=r"theirs\.onnx"):
        make("litert").measure(tmp_path / "theirs.onnx")
    with pytest.raises(TargetError, match="LiteRT does not take the network"):
        Running(b"no flatbuffer", (1, 2, 2), threads=1)
