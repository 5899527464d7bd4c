"""An exported file at work: load it, hand it images, get classes."""

import contextlib
import functools
import importlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitwright import processor
from bitwright.errors import DataError, TargetError
from bitwright.export.names import INPUT, OUTPUT

if TYPE_CHECKING:
    import onnxruntime

Providers = Sequence[tuple[str, Mapping[str, str]]]  # by name, with their options; the best first

CPU: Providers = (("CPUExecutionProvider", {}),)
CUDA = "CUDAExecutionProvider"
CLASSES_KEY = "classes"  # metadata: the class names as a JSON list
BATCH = 256  # images run at a time, so that memory does not grow with their number


def load(path: Path | str, *, threads: int = 1) -> "Model":
    """The exported file at `path`, ready to predict; TargetError if it cannot run."""
    return Model(open_session(path, threads=threads), str(path))


def open_session(
    path: Path | str, *, threads: int = 1, providers: Providers = CPU
) -> "onnxruntime.InferenceSession":
    """An ONNX Runtime session, on the processor by default, for `load` and the latency meter."""
    if not Path(path).is_file():
        raise TargetError(f"there is no model file '{path}'; name a study's .onnx file")
    return session_of(str(path), f"'{path}'", threads=threads, providers=providers)


def session_of(
    model: str | bytes, place: str, *, threads: int = 1, providers: Providers = CPU
) -> "onnxruntime.InferenceSession":
    """The same of a model's path or of its bytes; `place` names it in errors.

    TargetError where the first of the providers is not at work: ONNX Runtime would go on without.
    """
    import onnxruntime

    first = providers[0][0]
    if first not in onnxruntime.get_available_providers():
        raise _not_at_work(place, first, "the installed onnxruntime does not have it")
    if first != CPU[0][0]:
        _load_libraries()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised, and told once
    if not processor.sums_int8_exactly():
        # Takes int8 weights as uint8, exact everywhere: 1.3 times slower where it is not needed.
        options.add_session_config_entry("session.x64quantprecision", "1")
    if first == CUDA:
        # It has no integer kernels: weights become numbers once, not in each inference (1.3 times
        # as fast).
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        session = onnxruntime.InferenceSession(
            model, options, providers=list(providers), enable_fallback=0
        )
    except run_errors() as error:
        raise TargetError(
            f"{place} cannot be run by ONNX Runtime {onnxruntime.__version__}: {error}; "
            "export it again, or update onnxruntime"
        ) from error
    except (RuntimeError, ValueError) as error:  # of a provider that does not begin
        raise _not_at_work(place, first, " ".join(str(error).split())) from error
    if session.get_providers()[0] != first:
        raise _not_at_work(place, first, "it found no device, or not its libraries")
    return session


@functools.cache
def _load_libraries() -> None:
    """CUDA's and cuDNN's libraries, and TensorRT's, out of their Python packages.

    The system's loader does not look there; what it finds by itself need not be there. What is in
    neither place keeps the provider from its work, and that is told.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # what goes wrong is raised, and told once
    with contextlib.redirect_stdout(io.StringIO()):  # a line for each library it does not find
        onnxruntime.preload_dlls()
    with contextlib.suppress(ImportError):
        importlib.import_module("tensorrt")  # loads its own


def _not_at_work(place: str, provider: str, reason: str) -> TargetError:
    return TargetError(
        f"{place} cannot be run by ONNX Runtime's {provider}: {reason}; install what it needs, or "
        "take target 'onnxruntime-cpu'"
    )


class Model:
    """A loaded network: uint8 images in, logits or class indices out; threads may share it."""

    def __init__(self, session: "onnxruntime.InferenceSession", place: str) -> None:
        self._session = session
        self._place = place
        inputs = {item.name: item for item in session.get_inputs()}
        outputs = {item.name: item for item in session.get_outputs()}
        if set(inputs) != {INPUT} or inputs[INPUT].type != "tensor(uint8)" or OUTPUT not in outputs:
            raise TargetError(
                f"'{place}' was not exported by bitwright: its inputs are {sorted(inputs)}, "
                f"not uint8 '{INPUT}'; load a model.onnx of a study"
            )
        self.input_shape: tuple[int, ...] = tuple(inputs[INPUT].shape[1:])
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.classes = _classes(self.metadata, outputs[OUTPUT].shape[1], place)

    def predict(self, x: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The class index of each image, shape (N,); a single image counts as a batch of one.

        `x` is uint8: (N, C, H, W), (N, H, W, C), for one channel (N, H, W), or one image of these.
        """
        return np.asarray(self.logits(x).argmax(1), np.int64)

    def logits(self, x: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The logits (N, classes) of images as `predict` takes them; TargetError if that fails."""
        images = as_batch(np.asarray(x), self.input_shape)
        parts = [self._run(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)), np.float32)

    def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            found: npt.NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: images})[0]
        except run_errors() as error:
            reason = " ".join(str(error).split())
            raise TargetError(
                f"'{self._place}' fails on a batch of {len(images)}: {reason}; export it again, or "
                "free the device's memory where that is what it lacks"
            ) from error
        return found

    def __repr__(self) -> str:
        return f"Model('{self._place}', input={self.input_shape}, classes={len(self.classes)})"


def as_batch(x: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """`x` as contiguous (N, C, H, W) with (C, H, W) = `shape`; DataError for what does not fit.

    Where an array could be read both ways, channels come first.
    """
    channels, height, width = shape
    last = (height, width, channels)
    if x.dtype != np.uint8:
        raise DataError(
            f"images are {x.dtype}; the model takes raw pixels: pass uint8 values from 0 to 255"
        )
    if x.shape == shape or x.shape == last or (channels == 1 and x.shape == (height, width)):
        x = x[np.newaxis]
    if x.shape[1:] == last and x.shape[1:] != shape:
        x = np.moveaxis(x, -1, 1)
    elif channels == 1 and x.shape[1:] == (height, width):
        x = x[:, np.newaxis]
    if x.shape[1:] != shape:
        flat = f", (N, {height}, {width})" if channels == 1 else ""
        raise DataError(
            f"images have shape {x.shape}; the model takes (N, {channels}, {height}, {width}), "
            f"(N, {height}, {width}, {channels}){flat} or one such image: resize them"
        )
    return np.ascontiguousarray(x)


def run_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises for a model that it cannot run; they share no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.EPFail,
        state.Fail,
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.NotImplemented,
        state.RuntimeException,
    )


def _classes(metadata: dict[str, str], count: int, place: str) -> tuple[str, ...]:
    """The class names, or their numbers where the file names none."""
    text = metadata.get(CLASSES_KEY)
    if text is None:
        return tuple(map(str, range(count)))
    try:
        names = tuple(map(str, json.loads(text)))
    except (json.JSONDecodeError, TypeError) as error:
        raise TargetError(
            f"'{place}': metadata '{CLASSES_KEY}' is no JSON list ({error}); export the model again"
        ) from error
    if len(names) != count:
        raise TargetError(
            f"'{place}' names {len(names)} classes but gives {count} logits; export the model again"
        )
    return names
