"""Layers in float32: the same codes, read back the same, refused where sums could be inexact."""

import collections
import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from bitwright.errors import ExportError
from bitwright.export import onnx_file, reference
from bitwright.export.float_layers import FLOAT_LAYERS, candidates, in_float, told
from bitwright.export.integer import IntegerModel
from bitwright.export.onnx_reader import metadata, read
from bitwright.export.runtime import load
from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.spec import Method
from bitwright.testing.integer_models import assert_same_model, random_images, random_model

PIXELS = Method("uniform", 8, per_channel=False)
WEIGHTS = (
    "lsq:8:channel",
    "lsq:4:channel",
    "affine:7:channel",
    "uniform:3:tensor",
    "binary:1",
    "codebook:4:channel",
)
ACTIVATIONS = ("lsq:8", "lsq:3", "apot:4", "power_of_two:2")
ALLOWED = 0.001  # of the codes, one off: where a sum lies all but on a half, kernels differ


def network(weight: str, activation: str = "lsq:4", *, channels: int = 3) -> Graph:
    """Two convolutions that read the image, a sum of them, and a classifier."""
    build = GraphBuilder((channels, 9, 9), PIXELS)
    methods = {
        "weight": Method.parse(weight),
        "activation": Method.parse(activation, "activation"),
    }
    build.conv("a", "input", unit="u", width=8, kernel=3, stride=2, **methods)
    build.conv("b", "input", unit="u", width=8, kernel=1, stride=2, relu=False, **methods)
    build.add("sum", "a", "b", unit="u", activation=methods["activation"], relu=True)
    build.linear("head", "sum", unit="h", width=10, weight=methods["weight"], activation=None)
    return build.finish()


def written(model: IntegerModel, path: Path) -> dict[str, str]:
    about = {"study": "x", FLOAT_LAYERS: told(candidates(model))}
    onnx_file.write(model, path, about)
    return about


def operators(path: Path) -> collections.Counter[str]:
    """What ONNX Runtime makes of the file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return collections.Counter(
        node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_float_layers_give_the_codes_of_the_reference(
    weight: str, activation: str, tmp_path: Path
) -> None:
    model = random_model(network(weight, activation), np.random.default_rng(0))
    assert candidates(model) == {"a", "b"}
    about = written(model, tmp_path / "m.onnx")
    found = operators(tmp_path / "m.onnx")
    assert found["Conv"] + found["FusedConv"] == 2
    assert not found["QLinearConv"]
    assert_same_model(model, read(tmp_path / "m.onnx"))
    assert about.items() <= (metadata(tmp_path / "m.onnx") or {}).items()

    images = random_images(model.graph, 60, np.random.default_rng(1))
    got, wanted = load(tmp_path / "m.onnx").logits(images), reference.run(model, images)
    apart = np.abs(got - wanted).max(1) > 1e-5 * np.abs(wanted).max()
    codes = sum(int(np.prod(model.graph.node(name).shape)) for name in ("a", "b", "sum"))
    assert apart.mean() <= ALLOWED * codes  # an image with a flip anywhere counts whole
    assert (got.argmax(1) == wanted.argmax(1)).mean() >= 0.95


def test_a_file_in_integers_is_as_it_was_without_the_choice(tmp_path: Path) -> None:
    model = random_model(network("lsq:4:channel"), np.random.default_rng(0))
    onnx_file.write(model, tmp_path / "none.onnx", {FLOAT_LAYERS: "[]"})
    onnx_file.write(model, tmp_path / "plain.onnx", {})
    graphs = [onnx.load(tmp_path / name).graph for name in ("none.onnx", "plain.onnx")]
    assert graphs[0] == graphs[1]
    written(model, tmp_path / "float.onnx")
    smaller, larger = ((tmp_path / name).stat().st_size for name in ("plain.onnx", "float.onnx"))
    assert larger < smaller + 500  # weights stay packed


def test_layers_whose_sums_may_be_inexact_stay_in_integers() -> None:
    model = random_model(network("lsq:8:channel"), np.random.default_rng(0))
    layers = list(model.layers)
    bias = np.full_like(layers[1].kernel.bias, 2**24)
    layers[1] = dataclasses.replace(layers[1], bias=bias)
    assert candidates(dataclasses.replace(model, layers=tuple(layers))) == frozenset()


def test_only_convolutions_without_zero_points_that_stay_are_candidates() -> None:
    rng = np.random.default_rng(0)
    assert candidates(random_model(network("affine:8:tensor"), rng)) == frozenset()
    build = GraphBuilder((8, 8, 8), PIXELS)
    eight = {"weight": Method.parse("lsq:8"), "activation": PIXELS}
    build.conv("depth", "input", unit="u", width=8, kernel=3, depthwise=True, **eight)
    build.linear("head", "depth", unit="h", width=10, weight=eight["weight"], activation=None)
    assert candidates(random_model(build.finish(), rng)) == frozenset()


def test_other_layers_are_refused_with_those_that_can(tmp_path: Path) -> None:
    model = random_model(network("lsq:4:channel"), np.random.default_rng(0))
    assert in_float(model, {}) == frozenset()
    with pytest.raises(ExportError, match=r'can run in float32 are \["a", "b"\], all of them'):
        onnx_file.write(model, tmp_path / "m.onnx", {FLOAT_LAYERS: '["head"]'})
