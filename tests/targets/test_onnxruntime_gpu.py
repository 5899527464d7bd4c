"""ONNX Runtime on a GPU: what is missing is told before anything trains; with one, files run."""

from pathlib import Path

import numpy as np
import pytest

from bitwright.config import StudyConfig
from bitwright.errors import TargetError
from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.export.runtime import load
from bitwright.quant.spec import Method
from bitwright.space.joint import expand
from bitwright.study.session import run
from bitwright.targets import onnxruntime_gpu
from bitwright.targets.base import make
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of

NAMES = ("onnxruntime-cuda", "onnxruntime-tensorrt")
AGREEING = 0.95  # of an untrained network's answers: the GPU sums in another order


@pytest.fixture
def model() -> IntegerModel:
    return random_model(
        expand(blueprint_of({"name": "stem", "width": 8})), np.random.default_rng(0)
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_told_with_the_remedy(name: str, monkeypatch) -> None:
    target = make(name)
    monkeypatch.setattr(onnxruntime_gpu, "_installed", lambda library: False)
    assert "install onnxruntime-gpu in its place" in (target.missing() or "")
    monkeypatch.setattr(onnxruntime_gpu, "_installed", lambda library: True)
    monkeypatch.setattr(onnxruntime_gpu, "device_name", lambda: None)
    assert target.missing() == (
        f"target '{name}' finds no CUDA device; nvidia-smi tells what the driver sees"
    )
    monkeypatch.setattr(onnxruntime_gpu, "device_name", lambda: "a GPU")
    monkeypatch.setattr(onnxruntime_gpu, "_obstacle", lambda provider: "no libcudnn.so.9")
    assert f"target '{name}' does not begin: no libcudnn.so.9; " in (target.missing() or "")
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in (target.missing() or "")
    monkeypatch.setattr(onnxruntime_gpu, "_obstacle", lambda provider: None)
    assert target.missing() is None


def test_whether_a_provider_starts_is_tried() -> None:
    assert onnxruntime_gpu._obstacle("CPUExecutionProvider") is None
    reason = onnxruntime_gpu._obstacle("NobodysExecutionProvider")
    assert reason is not None and "the installed onnxruntime does not have it" in reason


def test_the_provider_is_looked_for_in_the_package(monkeypatch) -> None:
    assert onnxruntime_gpu._installed("onnxruntime_pybind11_state")
    assert not onnxruntime_gpu._installed("onnxruntime_providers_nobody_has")


@pytest.mark.parametrize("name", NAMES)
def test_a_study_for_it_is_refused_where_it_is_missing(name: str, tmp_path: Path) -> None:
    missing = make(name).missing()
    if missing is None:
        pytest.skip(f"nothing is missing for {name} here")
    config = StudyConfig.from_mapping({"data": "digits", "space": "tiny", "target": name})
    with pytest.raises(TargetError, match=r"onnxruntime-gpu|no CUDA device"):
        run(config, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_silently_runs_on_the_processor(
    name: str, model: IntegerModel, tmp_path: Path
) -> None:
    target = make(name)
    target.export(model, tmp_path / "m.onnx", {"study": "x"})
    assert load(tmp_path / "m.onnx").metadata["study"] == "x"
    if target.missing() is None:
        pytest.skip(f"{name} can run here")
    for ask in (target.load, target.measure):
        with pytest.raises(TargetError, match=r"cannot be run by ONNX Runtime's \w+Provider"):
            ask(tmp_path / "m.onnx")


def test_methods_are_those_of_the_file() -> None:
    target = make("onnxruntime-cuda")
    assert target.supports(Method.parse("lsq:4:channel"), "weight") is None
    assert "16" not in (target.supports(Method.parse("none:32"), "weight") or "16")
    channel = Method("lsq", 8, per_channel=True)
    assert "one scale" in (target.supports(channel, "activation") or "")


@pytest.mark.parametrize("name", NAMES)
def test_a_network_runs_and_is_timed_on_the_gpu(
    name: str, model: IntegerModel, tmp_path: Path
) -> None:
    target = make(name)
    missing = target.missing()
    if missing:
        pytest.skip(f"{name} is not run: {missing}")
    target.export(model, tmp_path / "m.onnx", {})
    images = random_images(model.graph, 100, np.random.default_rng(1))
    answers = target.load(tmp_path / "m.onnx").logits(images).argmax(1)
    assert (answers == reference.run(model, images).argmax(1)).mean() >= AGREEING
    measured = target.measure(tmp_path / "m.onnx")["latency_ms"]
    assert measured.value > 0
    assert dict(measured.context)["processor"] == onnxruntime_gpu.device_name()
