"""Loading an exported file and predicting with it."""

import json
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bitwright.errors import BitwrightError, DataError, TargetError
from bitwright.export import onnx_file, reference
from bitwright.export.integer import IntegerModel
from bitwright.export.names import INPUT, OUTPUT
from bitwright.export.runtime import BATCH, as_batch, load
from bitwright.graph import GraphBuilder
from bitwright.quant.spec import Method
from bitwright.testing.integer_models import random_images, random_model


def model_for(channels: int, size: tuple[int, int] = (6, 5)) -> IntegerModel:
    build = GraphBuilder((channels, *size), Method("uniform", 8, per_channel=False))
    quantized = {"weight": Method.parse("lsq:4"), "activation": Method.parse("lsq:4:tensor")}
    build.conv("conv", "input", unit="u", width=6, kernel=3, **quantized)
    build.linear("head", "conv", unit="h", width=3, weight=Method.parse("lsq:8"), activation=None)
    return random_model(build.finish(), np.random.default_rng(0))


@pytest.fixture
def colour(tmp_path: Path) -> tuple[IntegerModel, Path]:
    model, path = model_for(3), tmp_path / "colour.onnx"
    onnx_file.write(model, path, {"classes": json.dumps(["cat", "dog", "owl"]), "study": "pets"})
    return model, path


def test_three_lines_predict(colour: tuple[IntegerModel, Path]) -> None:
    model, path = colour
    images = random_images(model.graph, BATCH + 3, np.random.default_rng(1))
    loaded = load(path)
    wanted = reference.run(model, images)
    assert np.allclose(loaded.logits(images), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert loaded.predict(images).tolist() == wanted.argmax(1).tolist()
    assert np.unique(wanted.argmax(1)).size > 1
    assert loaded.classes == ("cat", "dog", "owl")
    assert loaded.metadata["study"] == "pets"


def test_every_layout_of_an_image_is_read(colour: tuple[IntegerModel, Path]) -> None:
    model, path = colour
    images = random_images(model.graph, 4, np.random.default_rng(1))
    loaded = load(path, threads=2)
    wanted = loaded.logits(images)
    assert np.array_equal(loaded.logits(images.transpose(0, 2, 3, 1)), wanted)
    assert np.array_equal(loaded.logits(images[0]), wanted[:1])
    assert np.array_equal(loaded.logits(images[0].transpose(1, 2, 0)), wanted[:1])
    assert loaded.predict(images[:0]).shape == (0,)


def test_grey_images_may_leave_their_channel_out(tmp_path: Path) -> None:
    model = model_for(1)
    onnx_file.write(model, tmp_path / "grey.onnx", {})
    loaded = load(tmp_path / "grey.onnx")
    images = random_images(model.graph, 4, np.random.default_rng(1))
    wanted = loaded.logits(images)
    assert np.array_equal(loaded.logits(images[:, 0]), wanted)
    assert np.array_equal(loaded.logits(images[:, 0, :, :, np.newaxis]), wanted)
    assert np.array_equal(loaded.logits(images[0, 0]), wanted[:1])
    assert np.array_equal(loaded.logits(images[0, 0, :, :, np.newaxis]), wanted[:1])
    assert loaded.classes == ("0", "1", "2")


def test_channels_come_first_where_both_would_fit() -> None:
    x = np.arange(27, dtype=np.uint8).reshape(1, 3, 3, 3)
    assert np.array_equal(as_batch(x, (3, 3, 3)), x)
    assert np.array_equal(as_batch(x[0], (3, 3, 3)), x)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 3, 6, 5), np.float32),
        np.zeros((2, 3, 6, 5), np.int64),
        np.zeros((2, 3, 5, 6), np.uint8),
        np.zeros((2, 6, 5), np.uint8),
        np.zeros((6, 5), np.uint8),
        np.zeros((1, 1, 3, 6, 5), np.uint8),
        np.zeros((), np.uint8),
        [[1, 2], [3, 4]],
    ],
)
def test_what_does_not_fit_is_refused(x: object, colour: tuple[IntegerModel, Path]) -> None:
    with pytest.raises(DataError, match=r"images (are|have shape) .*; the model takes .*: "):
        load(colour[1]).predict(x)


def test_threads_may_share_a_model(colour: tuple[IntegerModel, Path]) -> None:
    model, path = colour
    images = random_images(model.graph, 64, np.random.default_rng(1))
    loaded, results = load(path), []
    workers = [
        threading.Thread(target=lambda: results.append(loaded.predict(images))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert all(np.array_equal(result, results[0]) for result in results)


def write_foreign(path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy"]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), path)


def test_files_that_are_no_models_of_ours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there is no model file"):
        load(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(TargetError, match="cannot be run by ONNX Runtime"):
        load(tmp_path / "text.onnx")
    write_foreign(tmp_path / "foreign.onnx")
    with pytest.raises(TargetError, match="was not exported by bitwright"):
        load(tmp_path / "foreign.onnx")


def test_what_goes_wrong_with_images_is_told(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", [INPUT], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["real", "shape"], [OUTPUT]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", 1, 2, 2])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 3])],  # of 12, not of 4 pixels
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), tmp_path / "m.onnx")
    loaded = load(tmp_path / "m.onnx")
    images = np.zeros((3, 1, 2, 2), np.uint8)
    assert loaded.logits(images).shape == (4, 3)
    with pytest.raises(TargetError, match=r"fails on a batch of 1: .*; export it again"):
        loaded.logits(images[:1])


def test_a_file_cut_short_is_refused(colour: tuple[IntegerModel, Path]) -> None:
    path = colour[1]
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TargetError):
        load(path)


@pytest.mark.parametrize("classes", ["[1, 2", '["a", "b"]', "7"])
def test_class_names_that_do_not_fit_are_refused(classes: str, tmp_path: Path) -> None:
    onnx_file.write(model_for(1), tmp_path / "m.onnx", {"classes": classes})
    with pytest.raises(BitwrightError, match="export the model again"):
        load(tmp_path / "m.onnx")
