"""Any ONNX model as a teacher: what it is given, what it says, and which ones are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from bitwright.errors import ConfigError
from bitwright.train.onnx_teacher import OnnxTeacher

SHAPE = (2, 3, 4)
CLASSES = 5
WEIGHTS = np.random.default_rng(0).normal(size=(24, CLASSES)).astype(np.float32)
IMAGES = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (7, *SHAPE), np.uint8))
NORMS: dict[str, Any] = {"mean": (0.5, 0.25), "deviation": (2.0,)}


def model(
    path: Path,
    *,
    kind: int = TensorProto.FLOAT,
    dims: tuple[Any, ...] = ("N", *SHAPE),
    last: bool = False,
    ending: str = "Identity",
    inputs: int = 1,
    outputs: tuple[str, ...] = ("scores",),
) -> Path:
    """Writes logits = flat image x WEIGHTS, in any of the forms that models come in."""
    nodes = [helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)]
    if last:
        nodes.append(helper.make_node("Transpose", ["real"], ["first"], perm=[0, 3, 1, 2]))
    nodes += [
        helper.make_node("Flatten", ["first" if last else "real"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["raw"]),
        *(helper.make_node(ending, ["raw"], [name]) for name in outputs),
    ]
    names = ["image", *(f"more{number}" for number in range(1, inputs))]
    graph = helper.make_graph(
        nodes,
        "teacher",
        [helper.make_tensor_value_info(name, kind, dims) for name in names],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(WEIGHTS, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, path)
    return path


def teacher(path: Path, **changes: Any) -> OnnxTeacher:
    return OnnxTeacher(path, SHAPE, **{"mean": None, "deviation": None, "threads": 1, **changes})


def real(mean: tuple[float, ...], deviation: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """The images as a float32 model was trained to see them."""
    by_channel = (1, -1, 1, 1)
    shift, spread = np.reshape(mean, by_channel), np.reshape(deviation, by_channel)
    found: np.ndarray[Any, Any] = (IMAGES.numpy() / 255 - shift) / spread
    return found


def test_codes_go_in_as_they_are(tmp_path: Path) -> None:
    logits, features = teacher(model(tmp_path / "t.onnx", kind=TensorProto.UINT8)).ask(IMAGES)
    assert features is None
    assert logits.dtype == torch.float32
    expected = IMAGES.numpy().reshape(7, -1).astype(np.float32) @ WEIGHTS
    assert np.allclose(logits, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_reals_go_in_as_they_were_trained_with(last: bool, batch: Any, tmp_path: Path) -> None:
    dims = (batch, *(SHAPE[1:] + SHAPE[:1] if last else SHAPE))
    path = model(tmp_path / "t.onnx", dims=dims, last=last)
    logits, _ = teacher(path, **NORMS).ask(IMAGES)
    expected = real(**NORMS).reshape(7, -1) @ WEIGHTS
    assert np.allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_probabilities_become_logits_of_the_same_predictions(tmp_path: Path) -> None:
    path = model(tmp_path / "t.onnx", ending="Softmax")
    logits, _ = teacher(path, **NORMS).ask(IMAGES)
    raw = torch.from_numpy(real(**NORMS).reshape(7, -1).astype(np.float32) @ WEIGHTS)
    for temperature in (1.0, 4.0):
        found, wanted = (torch.softmax(x / temperature, 1) for x in (logits, raw))
        assert torch.allclose(found, wanted, atol=1e-5)


def test_of_several_outputs_the_one_called_logits_counts(tmp_path: Path) -> None:
    path = model(tmp_path / "t.onnx", outputs=("aside", "logits"))
    assert teacher(path, **NORMS).ask(IMAGES)[0].shape == (7, CLASSES)


@pytest.mark.parametrize(
    ("form", "settings", "words"),
    [
        ({"inputs": 2}, NORMS, "has 2 inputs ('image', 'more1')"),
        ({"outputs": ("a", "b")}, NORMS, "call the one that counts 'logits'"),
        ({"dims": ("N", 3, 2, 4)}, NORMS, "images of shape 3x2x4, the data's are 2x3x4"),
        ({"dims": ("N", 24)}, NORMS, "images of shape 24, the data's are 2x3x4"),
        ({}, {}, "it takes float32 images; say how it was given them"),
        ({"kind": TensorProto.UINT8}, NORMS, "leave mean, deviation out"),
        ({"kind": TensorProto.INT64}, {}, "its input is tensor(int64)"),
        ({}, {**NORMS, "mean": (0.1, 0.2, 0.3)}, "mean has 3 values, images 2 channels"),
    ],
)
def test_what_does_not_fit_is_refused(form: Any, settings: Any, words: str, tmp_path: Path) -> None:
    path = model(tmp_path / "t.onnx", **form)
    with pytest.raises(ConfigError) as caught:
        teacher(path, **settings)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"distill.teacher: '{path}' ")


def test_what_runs_on_no_image_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path / "t.onnx", dims=("N", "C", "H", "W"))
    wider = OnnxTeacher(path, (2, 4, 4), mean=(0.0,), deviation=(1.0,), threads=1)
    with pytest.raises(ConfigError, match="ONNX Runtime cannot run it on such images"):
        wider.ask(torch.zeros(1, 2, 4, 4, dtype=torch.uint8))


def test_what_gives_no_row_of_logits_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path / "t.onnx", ending="Transpose", kind=TensorProto.UINT8)
    with pytest.raises(ConfigError, match=r"'scores' is float32 \(5, 7\); a classifier gives"):
        teacher(path).ask(IMAGES)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.onnx").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"distill\.teacher: .*cannot be run by ONNX Runtime"):
        teacher(tmp_path / "t.onnx")
    with pytest.raises(ConfigError, match="there is no model file"):
        teacher(tmp_path / "no.onnx")
