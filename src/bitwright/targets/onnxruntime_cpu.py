"""ONNX Runtime on an x86 or ARM processor: integer kernels of 8 bits, weights packed in the file.

Bits below 8 make the file smaller, not faster; what is measured is what is reported.
"""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bitwright.quant.names import refusal
from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import Foretold, Target

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel
    from bitwright.graph import Graph
    from bitwright.measure.latency_table import LatencyTable

MARGIN = 0.2  # of a foretold latency; benchmarks/latency_predictor.py says how far off they are
_SLOW = Method("affine", 8, per_channel=True)


class OnnxRuntimeCpu(Target):
    """Integers only: weights and activations of 1 to 8 bits, activations with one grid per tensor.

    `allow_unquantized` lets a study keep full-precision sites to compare against; no integer model
    holds them, so they cannot be exported.
    """

    name = "onnxruntime-cpu"
    ships = "{folder}/model.onnx, in the form that is fastest on this processor"

    def __init__(self, *, allow_unquantized: bool = False) -> None:
        self._allow_unquantized = allow_unquantized

    def supports(self, method: Method, role: Role) -> str | None:
        """None for integer methods with the few exceptions that the answers explain."""
        if not method.quantized:
            if self._allow_unquantized:
                return None
            return "the target computes in integers of at most 8 bits; take 1 to 8 bits"
        reason = refusal(method, role)
        if reason:
            return reason
        if role == "activation" and method.per_channel:
            one = dataclasses.replace(method, per_channel=False)
            return f"integer convolution needs one scale for its whole input; take {one}"
        if role == "weight" and method == _SLOW:
            return (
                "8-bit weights with a zero point per channel run some 14 times slower than others; "
                "affine:7:channel and affine:8:tensor do not"
            )
        return None

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file."""
        from bitwright.export.onnx_file import write

        write(model, path, metadata)

    def form(self, path: Path) -> dict[str, str]:
        """Which layers run in float32 here: those that make the network faster by it."""
        from bitwright.export.float_layers import FLOAT_LAYERS, told
        from bitwright.export.onnx_reader import read
        from bitwright.measure.float_layers import faster_in_float

        found = faster_in_float(read(path))
        return {FLOAT_LAYERS: told(found)} if found else {}

    def ship(self, path: Path, folder: Path) -> dict[str, float]:
        """Writes the file anew, in the form that is fastest on this processor; what it costs."""
        from bitwright.export.float_layers import FLOAT_LAYERS
        from bitwright.export.onnx_file import write
        from bitwright.export.onnx_reader import metadata, read

        about = {key: text for key, text in (metadata(path) or {}).items() if key != FLOAT_LAYERS}
        model, form = read(path), self.form(path)
        folder.mkdir(parents=True, exist_ok=True)
        shipped = folder / "model.onnx"
        write(model, shipped, about | form)
        return {name: found.value for name, found in self.measure(shipped).items()}

    def measure(self, path: Path) -> dict[str, Measurement]:
        """latency_ms (batch 1, one thread) and file_bytes, of any ONNX file with one input."""
        from bitwright.measure.latency import latency

        size = Measurement(float(path.stat().st_size))
        return {"latency_ms": latency(path), "file_bytes": size}

    def foretold(self, graph: "Graph", needs: Collection[str]) -> dict[str, Foretold]:
        """latency_ms, from the table of layers, which times those that it has not met before."""
        if "latency_ms" not in needs:
            return {}
        return {"latency_ms": Foretold(_table().latency_ms(graph), MARGIN)}


@functools.cache
def _table() -> "LatencyTable":
    from bitwright.measure.latency_table import LatencyTable

    return LatencyTable()
