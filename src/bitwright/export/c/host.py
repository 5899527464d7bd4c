"""Exported C at work on this machine: compiled with its compiler, called in this process.

The kernels are compiled once per machine and kept; a network's own file is compiled when it comes.
"""

import ctypes
import math
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bitwright.errors import TargetError
from bitwright.export.c.compiling import compile_with, compiled_kernels
from bitwright.export.c.folder import kernel_text, write_files
from bitwright.export.c.layout import channels_first, channels_last
from bitwright.export.c.model_source import write_model
from bitwright.export.integer import Array, IntegerModel

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")
FLAGS = (*STRICT, "-O2", "-march=native")
COMPILERS = ("cc", "gcc", "clang")
_OBSERVER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)


class HostModel:
    """A network's C in this process: uint8 images (N, C, H, W) in, whole logits out.

    The C works in one block of memory, so calls from several threads take turns. TargetError
    without a compiler, or where it fails.
    """

    def __init__(self, model: IntegerModel, *, flags: Sequence[str] = FLAGS) -> None:
        self._graph = model.graph
        self._lock = threading.Lock()
        source = write_model(model, {})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = {"model.h": source.header, "model.c": source.code}
            write_files(folder, files | {"bitwright.h": kernel_text("bitwright.h")})
            compiler, shared = _compiler(), (*flags, "-fPIC")
            objects = compiled_kernels(compiler, shared)
            options = (*shared, "-DMODEL_OBSERVED", "-shared")
            compile_with(compiler, *options, "model.c", *objects, "-o", "model.so", folder=folder)
            self._library = ctypes.CDLL(str(folder / "model.so"))
        self._library.model_input.restype = ctypes.c_void_p
        self._library.model_run.restype = ctypes.c_void_p
        self._library.model_class.argtypes = (ctypes.c_void_p,)

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        """The logits (N, classes) in their steps (`model_source.logit_steps`)."""
        count = math.prod(self._graph.output.shape)
        found = np.empty((len(images), count), np.int32)
        with self._lock:
            for image, row in zip(images, found, strict=True):
                row[:] = np.frombuffer(ctypes.string_at(self._run(image), 4 * count), np.int32)
        return found

    def predict(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """The class of each image, as `model_class` tells it: (N,)."""
        with self._lock:
            return np.array([self._library.model_class(self._run(image)) for image in images])

    def trace(self, image: npt.NDArray[np.uint8]) -> dict[str, Array]:
        """Every layer's output for one image (C, H, W), by name, as `reference.trace` gives it."""
        nodes = self._graph.nodes
        found: dict[str, Array] = {self._graph.input.name: image}

        def observe(layer: int, values: int) -> None:
            node = nodes[layer]
            raw = node is nodes[-1] and node.activation is None
            data = ctypes.string_at(values, math.prod(node.shape) * (4 if raw else 1))
            row = np.frombuffer(data, np.uint8)[np.newaxis]
            found[node.name] = channels_first(row, node.shape, raw=raw)[0]

        observer = _OBSERVER(observe)
        place = ctypes.c_void_p.in_dll(self._library, "model_observer")
        with self._lock:
            place.value = ctypes.cast(observer, ctypes.c_void_p).value
            self._run(image)
            place.value = None
        return found

    def _run(self, image: npt.NDArray[np.uint8]) -> int:
        pixels = channels_last(image)
        ctypes.memmove(self._library.model_input(), pixels.ctypes.data, pixels.size)
        return int(self._library.model_run())


def _compiler() -> str:
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise TargetError(
            f"no C compiler found: none of {', '.join(COMPILERS)} is on the path; install one to "
            "run exported C on this machine"
        )
    return compiler
