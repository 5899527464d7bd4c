"""A target: ONNX Runtime for a processor that unpacks 4 and 8 bits, and no others."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import Target

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel


class FourAndEight(Target):
    """Weights and activations of 4 and 8 bits; the search meets no others."""

    name = "four-and-eight"

    def supports(self, method: Method, role: Role) -> str | None:
        """None, or the reason why not; asked by the search, so nothing heavy is imported."""
        if role == "activation" and method.per_channel:
            return "integer convolution needs one scale for its whole input"
        return None if method.bits in (4, 8) else "it unpacks 4 and 8 bits alone"

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file."""
        from bitwright.export.onnx_file import write

        write(model, path, metadata)

    def measure(self, path: Path) -> dict[str, Measurement]:
        """latency_ms on this machine, and file_bytes."""
        from bitwright.measure.latency import latency

        return {"latency_ms": latency(path), "file_bytes": Measurement(path.stat().st_size)}
