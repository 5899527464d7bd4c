"""The OpenVINO target: what runs computes the integer model, in integer kernels."""

import platform
from pathlib import Path

import numpy as np
import pytest

from bitwright.cli.app import run
from bitwright.errors import ExportError, TargetError
from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.export.openvino_ir import build
from bitwright.graph import Graph
from bitwright.quant.spec import Method
from bitwright.space.joint import expand
from bitwright.targets.base import make
from bitwright.targets.openvino_cpu import OpenVino, _compiled
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of

FLIPPED = 0.001  # codes that float32 rescaling may put one off: sums that lie all but on a half
DIFFERENT = 0.001  # of the predictions
LOGITS = 1e-4  # of the largest: logits are float32

METHODS = [
    ("lsq:8", "lsq:8:tensor"),
    ("lsq:4", "lsq:4:tensor"),
    ("affine:7", "affine:8:tensor"),
    ("codebook:4", "pact:3:tensor"),
    ("binary:1", "lsq:1:tensor"),
    ("apot:4", "power_of_two:6:tensor"),
]


@pytest.fixture(autouse=True)
def _runtime() -> None:
    pytest.importorskip("openvino", reason="comes with the extra 'openvino'")


def random_network(weight: str, activation: str) -> IntegerModel:
    return random_model(every_layer(weight, activation), np.random.default_rng(0))


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_every_layer_computes_the_references_codes(weight: str, activation: str) -> None:
    model = random_network(weight, activation)
    images = random_images(model.graph, 40, np.random.default_rng(1))
    codes = reference.trace(model, images)
    for last in range(1, len(model.layers)):
        part = IntegerModel(Graph(model.graph.nodes[: last + 1]), model.layers[: last + 1])
        found = _compiled(build(part, {}), 1)(images)[0]
        name, grid = model.layers[last].node.name, model.layers[last].output
        if grid is None:
            wanted = reference.run(model, images)
            assert np.abs(found - wanted).max() <= LOGITS * np.abs(wanted).max()
            continue
        step, zero = float(grid.scale), float(grid.zero_point)
        off = np.abs(found / step + zero - codes[name].reshape(found.shape))
        assert (off > 0.5).mean() <= FLIPPED and off.max() < 1.5, name


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_one_image_at_a_time_gives_the_same(weight: str, activation: str) -> None:
    model = random_network(weight, activation)
    images = random_images(model.graph, 40, np.random.default_rng(1))
    fixed = build(model, {})
    fixed.reshape([1, *model.graph.input.shape])
    timed, open_ = _compiled(fixed, 1), _compiled(build(model, {}), 1)
    single = np.concatenate([timed(image[None])[0].copy() for image in images])
    assert np.allclose(single, open_(images)[0], rtol=1e-6, atol=0)


@pytest.mark.parametrize(("weight", "activation"), METHODS)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="kernels are named otherwise")
def test_every_layer_runs_in_integers(weight: str, activation: str) -> None:
    compiled = _compiled(build(random_network(weight, activation), {}), 1)
    told = [operator.get_rt_info() for operator in compiled.get_runtime_model().get_ops()]
    kernels = [(info["layerType"].astype(str), info["primitiveType"].astype(str)) for info in told]
    heavy = [kernel for kind, kernel in kernels if kind in ("Convolution", "Pooling", "Reduce")]
    assert len(heavy) >= 13
    assert all(kernel.lower().endswith("i8") for kernel in heavy), heavy


def test_uneven_activations_and_wide_zero_points_are_refused() -> None:
    target = OpenVino()
    for method, role, said in (
        (Method.parse("apot:4", "activation"), "activation", "uneven levels"),
        (Method.parse("affine:8:channel"), "weight", "leave OpenVINO's int8"),
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


def test_the_ir_is_written_with_its_metadata_and_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import openvino

    path, folder, target = tmp_path / "model.onnx", tmp_path / "ir", make("openvino")
    graph = expand(blueprint_of({"name": "stem", "width": 8}, {"name": "body", "width": 8}))
    target.export(random_model(graph, np.random.default_rng(0)), path, {"study": "pets"})
    assert run(["export", str(path), "--target", "openvino", "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"OpenVINO IR in {folder}: model.xml and model.bin" in said and "IR size: " in said
    assert {part.name for part in folder.iterdir()} == {"model.xml", "model.bin"}
    shipped = openvino.Core().read_model(folder / "model.xml")
    assert shipped.get_rt_info(["bitwright", "study"]).astype(str) == "pets"
    images = random_images(graph, 20, np.random.default_rng(1))
    loaded = target.load(path)
    assert np.array_equal(_compiled(shipped, 1)(images)[0], loaded.logits(images))
    assert loaded.logits(images[:0]).shape == (0, 10)
    with pytest.raises(TargetError, match="the network takes uint8"):
        loaded.logits(images[:, :, 1:])
    assert target.measure(path)["ir_bytes"].value > path.stat().st_size
