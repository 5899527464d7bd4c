"""The ONNX Runtime target: what it supports, writes and measures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitwright.errors import ConfigError
from bitwright.export.runtime import load
from bitwright.graph import GraphBuilder
from bitwright.measure.latency_table import LatencyTable
from bitwright.quant.names import TRANSFORMS, refusal
from bitwright.quant.spec import ROLES, Method, Role
from bitwright.targets import onnxruntime_cpu
from bitwright.targets.base import TARGETS, Foretold, Target
from bitwright.targets.onnxruntime_cpu import MARGIN, OnnxRuntimeCpu
from bitwright.testing.integer_models import random_model


def test_it_is_registered_by_its_name() -> None:
    assert TARGETS.get("onnxruntime-cpu") is OnnxRuntimeCpu
    assert isinstance(OnnxRuntimeCpu(), Target)
    assert OnnxRuntimeCpu.name == "onnxruntime-cpu"
    with pytest.raises(ConfigError, match="did you mean 'onnxruntime-cpu'"):
        TARGETS.get("onnx-cpu")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_integers_are_supported_at_every_width_that_the_transform_has(
    transform: str, bits: int, role: Role
) -> None:
    method = Method(transform, bits, per_channel=False)
    assert OnnxRuntimeCpu().supports(method, role) == refusal(method, role)


def test_weights_may_have_a_grid_per_channel_activations_not() -> None:
    method = Method("lsq", 8, per_channel=True)
    assert OnnxRuntimeCpu().supports(method, "weight") is None
    reason = OnnxRuntimeCpu().supports(method, "activation")
    assert reason == "integer convolution needs one scale for its whole input; take lsq:8:tensor"


def test_eight_bit_zero_points_per_channel_are_refused_for_their_slowness() -> None:
    reason = OnnxRuntimeCpu().supports(Method("affine", 8, per_channel=True), "weight")
    assert reason is not None
    assert "14 times slower" in reason
    assert OnnxRuntimeCpu().supports(Method("affine", 7, per_channel=True), "weight") is None


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("bits", [16, 32])
def test_full_precision_is_refused_unless_allowed(bits: int, role: Role) -> None:
    method = Method("none", bits, per_channel=False)
    reason = OnnxRuntimeCpu().supports(method, role)
    assert reason == "the target computes in integers of at most 8 bits; take 1 to 8 bits"
    assert OnnxRuntimeCpu(allow_unquantized=True).supports(method, role) is None


def test_export_then_measure(tmp_path: Path) -> None:
    build = GraphBuilder((1, 4, 4), Method("uniform", 8, per_channel=False))
    build.linear("head", "input", unit="h", width=3, weight=Method.parse("lsq:4"), activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    path = tmp_path / "model.onnx"
    target = OnnxRuntimeCpu()
    target.export(model, path, {"study": "x"})
    assert load(path).metadata["study"] == "x"
    measured = target.measure(path)
    assert set(measured) == {"latency_ms", "file_bytes"}
    assert measured["file_bytes"].value == path.stat().st_size
    assert measured["file_bytes"].spread is None
    assert measured["latency_ms"].value > 0
    assert dict(measured["latency_ms"].context)["threads"] == "1"


def test_what_is_foretold_comes_from_the_table_of_layers(tmp_path: Path, monkeypatch) -> None:
    build = GraphBuilder((1, 4, 4), Method("uniform", 8, per_channel=False))
    build.linear("head", "input", unit="h", width=3, weight=Method.parse("lsq:4"), activation=None)
    table = LatencyTable(tmp_path / "table.json")
    monkeypatch.setattr(onnxruntime_cpu, "_table", lambda: table)
    found = OnnxRuntimeCpu().foretold(build.finish(), {"latency_ms", "macs"})
    assert found == {"latency_ms": Foretold(table.latency_ms(build.finish()), MARGIN)}


def test_asking_for_support_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from bitwright.quant.spec import Method\n"
        "from bitwright.targets.base import TARGETS\n"
        "target = TARGETS.get('onnxruntime-cpu')()\n"
        "assert target.supports(Method('lsq', 4, False), 'activation') is None\n"
        "assert target.foretold(None, {'accuracy'}) == {}\n"
        "heavy = {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
