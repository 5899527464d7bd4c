"""Targets whose runtimes are extras: refused with a remedy without them, whole with them."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bitwright.cli.app import run
from bitwright.errors import TargetError
from bitwright.export import reference
from bitwright.export.onnx_reader import read
from bitwright.targets.base import make
from bitwright.tasks.data.load import load as load_data
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_model

DIFFERENT = 0.001  # of the predictions
PACKAGES = {"openvino": "openvino", "litert": "ai_edge_litert"}
SIZES = {"openvino": "ir_bytes", "litert": "tflite_bytes"}


@pytest.mark.parametrize(("target", "package"), PACKAGES.items())
def test_a_study_without_it_is_told_what_to_install(
    target: str,
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    model = random_model(every_layer("lsq:4", "lsq:4:tensor"), np.random.default_rng(0))
    with pytest.raises(TargetError, match=rf"pip install 'bitwright\[{target}\]'"):
        make(target).export(model, tmp_path / "model.onnx", {})
    assert f"pip install 'bitwright[{target}]'" in (make(target).missing() or "")
    study = tmp_path / "study.yaml"
    study.write_text(f"data: digits\nspace: tiny\ntarget: {target}\n")
    assert run(["search", str(study), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert f"pip install 'bitwright[{target}]'" in capsys.readouterr().err


@pytest.mark.parametrize("target", PACKAGES)
def test_with_it_nothing_is_missing(target: str) -> None:
    pytest.importorskip(PACKAGES[target], reason=f"comes with the extra '{target}'")
    assert make(target).missing() is None


@pytest.mark.slow
@pytest.mark.parametrize("target", PACKAGES)
def test_a_study_ends_in_a_network_that_predicts_as_its_integers(target: str, program) -> None:
    pytest.importorskip(PACKAGES[target], reason=f"comes with the extra '{target}'")
    metrics = {"accuracy": {"weight": 1}, "latency_ms": {"weight": 0.1, "reference": 0.05}}
    name = program.study(target=target, reward={"metrics": metrics}, search__iterations=1)
    assert program.run("search", name, "--quiet").code == 0
    told = program.run("show", name, "--json").json
    assert told["trials"]["complete"] >= 1 and told["final"]["metrics"][SIZES[target]] > 0
    (path,) = program.folder.rglob("model.onnx")
    images = load_data("digits").test.images
    wanted = reference.run(read(path), images).argmax(1)
    assert (make(target).load(path).logits(images).argmax(1) != wanted).mean() <= DIFFERENT
