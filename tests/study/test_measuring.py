"""Any model file on a target: ours and others', timed, and tested on data."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bitwright.errors import ConfigError, TargetError
from bitwright.export import onnx_file
from bitwright.measure.cost import costs
from bitwright.space.joint import expand
from bitwright.study.measuring import Question, measured
from bitwright.tasks.data.load import load
from bitwright.testing.integer_models import random_model
from bitwright.testing.networks import blueprint_of

CPU = "onnxruntime-cpu"
DIGITS = load("digits")
NORMS: dict[str, Any] = {"mean": (0.0,), "deviation": (1.0,)}
# For each class the mean training image, less what all have in common: right more often than not.
MEANS = np.stack(
    [DIGITS.train.images[DIGITS.train.labels == c].reshape(-1, 64).mean(0) for c in range(10)]
)
WEIGHTS = (MEANS - MEANS.mean()).astype(np.float32).T / 255


def other(
    path: Path,
    *,
    kind: int = TensorProto.FLOAT,
    dims: tuple[Any, ...] = ("N", 1, 8, 8),
    inputs: int = 1,
    weights: Any = WEIGHTS,
    columns: int = 64,
) -> Path:
    """A linear classifier of digits from another program."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["real", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
    ]
    names = ["image", *(f"more{number}" for number in range(1, inputs))]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, dims) for name in names],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([-1, columns]), "shape"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="elsewhere")
    onnx.save(made, path)
    return path


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    graph = expand(blueprint_of({"name": "stem", "width": 4}))
    model = random_model(graph, np.random.default_rng(0))
    about = {"data": "digits", "held_out_accuracy": "0.1000", "genome": '{"stem/width": 4}'}
    onnx_file.write(model, tmp_path / "ours.onnx", about)
    return tmp_path / "ours.onnx"


def test_a_file_of_ours_tells_what_it_costs_and_what_it_says_of_itself(ours: Path) -> None:
    found = measured(ours, CPU)
    entry = found.entry
    wanted = costs(expand(blueprint_of({"name": "stem", "width": 4})))
    assert {name: entry.metric(name) for name in wanted} == wanted
    assert entry.file_bytes == ours.stat().st_size
    assert entry.latency_ms is not None and entry.latency_ms > 0
    assert (entry.accuracy, entry.test_accuracy) == (0.1, None)
    assert (found.data, found.tested, found.target) == ("digits", None, CPU)
    assert entry.genome.as_dict() == {"stem/width": 4}
    assert dict(found.context)["runtime"] == "onnxruntime"


def test_a_file_of_ours_is_tested_on_data(ours: Path) -> None:
    from bitwright.export.runtime import load as runtime

    found = measured(ours, CPU, Question(DIGITS, **NORMS))  # which is for models of float32
    right = runtime(ours).predict(DIGITS.test.images) == DIGITS.test.labels
    assert found.entry.test_accuracy == pytest.approx(right.mean())
    assert found.entry.accuracy is None, "which was of other images"
    assert (found.data, found.tested) == ("digits", len(DIGITS.test))


@pytest.mark.parametrize(
    ("kind", "dims", "batch"),
    [
        (TensorProto.FLOAT, ("N", 1, 8, 8), "1"),
        (TensorProto.FLOAT, (1, 1, 8, 8), "1"),
        (TensorProto.FLOAT, (4, 8, 8, 1), "4"),
        (TensorProto.UINT8, (None, 1, 8, 8), "1"),
    ],
)
def test_files_of_others_are_timed_and_tested(
    kind: int, dims: tuple[Any, ...], batch: str, tmp_path: Path
) -> None:
    path = other(tmp_path / "m.onnx", kind=kind, dims=dims)
    found = measured(path, CPU, Question(DIGITS, **NORMS))
    assert set(found.entry.measured) == {"latency_ms", "file_bytes", "test_accuracy"}
    assert dict(found.context)["batch"] == batch
    flat = DIGITS.test.images.reshape(-1, 64).astype(np.float32)
    right = (flat @ WEIGHTS).argmax(1) == DIGITS.test.labels
    assert 0.5 < right.mean() < 1
    assert found.entry.test_accuracy == pytest.approx(right.mean())


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"inputs": 2}, "has 2 inputs ('image', 'more1')"),
        ({"dims": ("N", 1, "H", 8)}, "leaves sizes open (?x1x?x8)"),
        ({"kind": TensorProto.INT64}, "input 'image' is tensor(int64); images are tensor(uint8)"),
        ({"columns": 48, "weights": WEIGHTS[:48]}, "fails on an image"),
        ({"weights": WEIGHTS[:48]}, "cannot be run by ONNX Runtime"),
    ],
)
def test_what_cannot_be_timed_is_refused(form: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError) as told:
        measured(other(tmp_path / "m.onnx", **form), CPU)
    assert words in str(told.value) and str(tmp_path / "m.onnx") in str(told.value)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there is no model file"):
        measured(tmp_path / "none.onnx", CPU)
    (tmp_path / "m.onnx").write_bytes(b"nonsense")
    with pytest.raises(TargetError, match="is no ONNX file, or a broken one"):
        measured(tmp_path / "m.onnx", CPU)
    with pytest.raises(ConfigError, match="did you mean 'onnxruntime-cpu'"):
        measured(tmp_path / "m.onnx", "onnxruntime-gpu")


def test_data_that_the_model_does_not_fit_is_refused(ours: Path, tmp_path: Path) -> None:
    path = other(tmp_path / "m.onnx")
    with pytest.raises(TargetError, match="it takes float32 images; say how it was given them"):
        measured(path, CPU, Question(DIGITS))
    path = other(tmp_path / "m.onnx", weights=WEIGHTS[:, :7])
    with pytest.raises(ConfigError, match="knows 7 classes, data set 'digits' has 10"):
        measured(path, CPU, Question(DIGITS, **NORMS))
    proto = onnx.load(ours)
    helper.set_model_props(proto, {"classes": '["a", "b"]'})
    onnx.save(proto, ours)
    with pytest.raises(ConfigError, match="calls its classes a, b, data set 'digits' 0, 1, 2"):
        measured(ours, CPU, Question(DIGITS))
