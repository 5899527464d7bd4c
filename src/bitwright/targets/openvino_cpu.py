"""OpenVINO on an x86 or ARM processor: integer kernels of 8 bits, the network shipped as its IR.

The file of a trial is the packed ONNX file, which holds every integer; the IR is made of it. Bits
below 8 make neither the IR smaller nor the network faster. Needs the extra `openvino`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import Runner, Target, check_images, installed, int8_refusal

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel

IR = "model.xml"
BATCH = 256  # images run at a time, so that memory does not grow with their number


class OpenVino(Target):
    """Integers only: weights and activations of 1 to 8 bits on even grids, codes within int8."""

    name = "openvino"
    metrics = ("latency_ms", "file_bytes", "ir_bytes")
    ships = "OpenVINO IR in {folder}: model.xml and model.bin"

    def missing(self) -> str | None:
        """The package openvino, where it is not installed."""
        from bitwright.export.openvino_ir import MISSING

        return None if installed("openvino") else MISSING

    def supports(self, method: Method, role: Role) -> str | None:
        """None for methods that its integer kernels compute as the integer model does."""
        return int8_refusal(method, role, "OpenVINO")

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file; ExportError where no IR could be made of it."""
        from bitwright.export.onnx_file import write
        from bitwright.export.openvino_ir import build

        build(model, {})
        write(model, path, metadata)

    def load(self, path: Path, *, threads: int = 1) -> Runner:
        """The network as OpenVINO runs it."""
        from bitwright.export.onnx_reader import read
        from bitwright.export.openvino_ir import build

        model = read(path)
        return _Running(_compiled(build(model, {}), threads), model.graph.input.shape)

    def measure(self, path: Path) -> dict[str, Measurement]:
        """latency_ms (batch 1, one thread), file_bytes of the ONNX file, ir_bytes of the IR."""
        import tempfile

        from bitwright.export.onnx_reader import read
        from bitwright.export.openvino_ir import build, write

        model = read(path)
        graph = build(model, {})
        with tempfile.TemporaryDirectory() as folder:
            written = sum(part.stat().st_size for part in write(graph, Path(folder) / IR))
        return {
            "latency_ms": _latency(graph, model.graph.input.shape),
            "file_bytes": Measurement(float(path.stat().st_size)),
            "ir_bytes": Measurement(float(written)),
        }

    def ship(self, path: Path, folder: Path) -> dict[str, float]:
        """Writes the IR of an exported file, its metadata inside; what it costs."""
        from bitwright.export.onnx_reader import provenance, read
        from bitwright.export.openvino_ir import build, write

        parts = write(build(read(path), provenance(path)), folder / IR)
        return {"ir_bytes": float(sum(part.stat().st_size for part in parts))}


def _compiled(graph: Any, threads: int) -> Any:
    """A graph ready to run: on the processor, in a single stream, its float parts in float32."""
    from bitwright.export.openvino_ir import runtime

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return runtime().Core().compile_model(graph, "CPU", settings)


def request_for(graph: Any, image: npt.NDArray[np.uint8]) -> Any:
    """A graph compiled for that shape alone, on one thread; its `infer` takes `image`."""
    from bitwright.export.openvino_ir import runtime

    fixed = graph.clone()
    fixed.reshape(list(image.shape))
    request = _compiled(fixed, 1).create_infer_request()
    request.set_input_tensor(runtime().Tensor(image))
    return request


def _latency(graph: Any, shape: tuple[int, ...]) -> Measurement:
    """The median time of one inference of random pixels, as `measure.latency` takes it."""
    from bitwright.export.openvino_ir import runtime
    from bitwright.measure.latency import latency_of

    image = np.random.default_rng(0).integers(0, 256, (1, *shape), np.uint8)
    return latency_of(request_for(graph, image).infer, ("openvino", runtime().get_version()))


class _Running:
    """A compiled network that answers in logits."""

    def __init__(self, compiled: Any, shape: tuple[int, ...]) -> None:
        self._request = compiled.create_infer_request()
        self._shape = shape

    def logits(self, x: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """Logits (N, classes) of uint8 images (N, C, H, W); TargetError for any other array."""
        check_images(x, self._shape, "the network")
        parts = [
            self._request.infer([np.ascontiguousarray(x[at : at + BATCH])])[0].copy()
            for at in range(0, max(len(x), 1), BATCH)
        ]
        return np.concatenate(parts)
