"""The built-in target keeps the contract that is published for users' own; broken ones do not."""

import pytest

from bitwright.measure.qemu import emulator
from bitwright.records import Measurement
from bitwright.targets.base import TARGETS, Foretold, make
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.testing.targets import (
    CHECKS,
    answers_for_every_method,
    counts_what_it_measures,
    measures_the_file,
    says_what_it_is_called,
    says_what_it_lacks,
    ships_what_it_promises,
)

WITHOUT_RUNTIME = (answers_for_every_method, says_what_it_is_called, says_what_it_lacks)
EXTRAS = {"litert": "ai_edge_litert", "openvino": "openvino"}
GPU = ("onnxruntime-cuda", "onnxruntime-tensorrt")
MEASURING = (counts_what_it_measures, measures_the_file)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", [name for name in TARGETS if TARGETS.get(name).argument is None])
def test_every_target_keeps_it(name, check):
    if name in EXTRAS and check not in WITHOUT_RUNTIME:
        pytest.importorskip(EXTRAS[name], reason=f"comes with the extra '{name}'")
    if name in GPU and check not in (*WITHOUT_RUNTIME, ships_what_it_promises):
        missing = make(name).missing()
        if missing:
            pytest.skip(f"{name} is not run: {missing}")
    if name.startswith("cortex-") and check in MEASURING and emulator.missing():
        pytest.skip(f"{name} is not measured: {emulator.missing()}")
    check(make(name))


class Silent(OnnxRuntimeCpu):
    def supports(self, method, role):
        return super().supports(method, role) or ""


class Picky(OnnxRuntimeCpu):
    def supports(self, method, role):
        return "it has no multiplier" if role == "weight" else super().supports(method, role)


class Fickle(OnnxRuntimeCpu):
    asked = 0

    def supports(self, method, role):
        self.asked += 1
        return "not now" if self.asked % 2 else None


class Bare(OnnxRuntimeCpu):
    def lacks(self, graph):
        return "it has no sums"


class Lossy(OnnxRuntimeCpu):
    def export(self, model, path, metadata):
        super().export(model, path, {})


class Lazy(OnnxRuntimeCpu):
    def export(self, model, path, metadata):
        pass


class Estimating(OnnxRuntimeCpu):
    def measure(self, path):
        return {"latency_ms": Measurement(1.0), "file_bytes": Measurement(1000.0)}


class Boasting(OnnxRuntimeCpu):
    metrics = (*OnnxRuntimeCpu.metrics, "cycles")


class Careless(OnnxRuntimeCpu):
    def foretold(self, graph, needs):
        return {name: Foretold(1.0, 2.0) for name in needs}


class Guessing(OnnxRuntimeCpu):
    def counted(self, graph):
        return {"file_bytes": 1000.0}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Silent, "supports gives None or the reason why not"),
        (Picky, "it runs no method for weights at all"),
        (Fickle, "two answers to one question"),
        (Bare, "it does not run a network of plain and residual convolutions: it has no sums"),
        (Lossy, "the metadata is lost"),
        (Lazy, "no file"),
        (Estimating, "file_bytes is not the file's"),
        (Boasting, "'cycles' was not measured"),
        (Guessing, "'file_bytes' was counted as another number"),
        (Careless, "'latency_ms' has a margin of 2.0; give a fraction"),
    ],
)
def test_a_target_that_breaks_it_is_told(target, said):
    broken = target()
    with pytest.raises(AssertionError, match=said):
        for check in CHECKS:
            check(broken)
