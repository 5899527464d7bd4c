"""LiteRT on an x86 or ARM processor: XNNPACK's kernels of 8 bits, the network shipped as `.tflite`.

The file of a trial is the packed ONNX file, which holds every integer; the `.tflite` is made of it.
Bits below 8 make neither it smaller nor the network faster. Needs the extra `litert`.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import TargetError
from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import Runner, Target, check_images, installed, int8_refusal

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel

STDERR = 2  # as the operating system numbers it
FILE_NAME = "model.tflite"
BATCH = 256  # images run at a time, so that memory does not grow with their number


class LiteRt(Target):
    """Integers only: weights and activations of 1 to 8 bits on even grids, codes within int8."""

    name = "litert"
    metrics = ("latency_ms", "file_bytes", "tflite_bytes")
    ships = "LiteRT file {folder}/model.tflite"

    def missing(self) -> str | None:
        """The package ai-edge-litert, where it is not installed."""
        from bitwright.export.tflite_file import MISSING

        return None if installed("ai_edge_litert") else MISSING

    def supports(self, method: Method, role: Role) -> str | None:
        """None for methods that its integer kernels compute as the integer model does."""
        return int8_refusal(method, role, "LiteRT")

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file; ExportError where no `.tflite` could be made of it."""
        from bitwright.export.onnx_file import write
        from bitwright.export.tflite import build

        build(model, {})
        write(model, path, metadata)

    def load(self, path: Path, *, threads: int = 1) -> Runner:
        """The network as LiteRT runs it."""
        from bitwright.export.onnx_reader import read
        from bitwright.export.tflite import build

        model = read(path)
        return Running(build(model, {}), model.graph.input.shape, threads=threads)

    def measure(self, path: Path) -> dict[str, Measurement]:
        """latency_ms (batch 1, one thread), file_bytes of the ONNX file, tflite_bytes."""
        from bitwright.export.onnx_reader import read
        from bitwright.export.tflite import build
        from bitwright.measure.latency import latency_of

        model = read(path)
        shape = model.graph.input.shape
        file = build(model, {})
        image = np.random.default_rng(0).integers(0, 256, (1, *shape), np.uint8)
        infer = Running(file, shape, threads=1).call(image)
        return {
            "latency_ms": latency_of(infer, ("litert", version("ai-edge-litert"))),
            "file_bytes": Measurement(float(path.stat().st_size)),
            "tflite_bytes": Measurement(float(len(file))),
        }

    def ship(self, path: Path, folder: Path) -> dict[str, float]:
        """Writes the `.tflite` of an exported file, its metadata inside; what it costs."""
        from bitwright.export.onnx_reader import provenance, read
        from bitwright.export.tflite import build

        file = build(read(path), provenance(path))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_bytes(file)
        return {"tflite_bytes": float(len(file))}


class Running:
    """A `.tflite` file at work under XNNPACK; TargetError where LiteRT does not take it."""

    def __init__(self, file: bytes, shape: tuple[int, ...], *, threads: int) -> None:
        """`shape` is the images', (C, H, W); the file takes (N, H, W, C)."""
        from ai_edge_litert.interpreter import Interpreter

        self._shape = shape
        with _quiet():
            try:
                self._interpreter = Interpreter(model_content=file, num_threads=threads)
                self._interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                raise TargetError(
                    f"LiteRT does not take the network: {error}; choose another target"
                ) from error
        (images,) = self._interpreter.get_input_details()
        (logits,) = self._interpreter.get_output_details()
        self._images, self._logits = images["index"], logits["index"]
        self._batch, self._classes = 1, int(logits["shape"][1])

    def logits(self, x: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """Logits (N, classes) of uint8 images (N, C, H, W); TargetError for any other array."""
        check_images(x, self._shape, "the network")
        found = np.zeros((len(x), self._classes), np.float32)
        for at in range(0, len(x), BATCH):
            part = slice(at, at + BATCH)
            found[part] = self.call(x[part])()
        return found

    def call(self, x: npt.NDArray[np.uint8]) -> Callable[[], npt.NDArray[np.float32]]:
        """One inference of these images: gives them, runs, takes the logits (N, classes)."""
        images = np.ascontiguousarray(x.transpose(0, 2, 3, 1))  # (N, H, W, C)
        interpreter = self._interpreter
        if len(images) != self._batch:
            interpreter.resize_tensor_input(self._images, images.shape)
            interpreter.allocate_tensors()
            self._batch = len(images)

        def infer() -> npt.NDArray[np.float32]:
            interpreter.set_tensor(self._images, images)
            interpreter.invoke()
            found: npt.NDArray[np.float32] = interpreter.get_tensor(self._logits)
            return found

        return infer


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on stderr: LiteRT greets there, from C, in the midst of a search's live view."""
    sys.stderr.flush()
    kept = os.dup(STDERR)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
