"""ONNX Runtime on an NVIDIA GPU, by CUDA or TensorRT: the file of `onnxruntime-cpu`, timed there.

What a provider has no kernel for runs on the processor, with copies between; TensorRT leaves to
CUDA what it does not take. Needs the package onnxruntime-gpu in the place of onnxruntime.
"""

import ctypes
import functools
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bitwright.errors import TargetError
from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import Runner, Target, integer_refusal

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel
    from bitwright.export.runtime import Providers

NAME_BYTES = 256
# TensorFloat-32 has 10 bits of mantissa: sums of codes would not be exact.
CUDA = ("CUDAExecutionProvider", {"use_tf32": "0"})
TENSORRT = ("TensorrtExecutionProvider", dict[str, str]())
PROCESSOR = ("CPUExecutionProvider", dict[str, str]())


class _Gpu(Target):
    """Integers, as `onnxruntime-cpu`, on the first CUDA device."""

    _providers: "ClassVar[Providers]"
    _library: ClassVar[str]  # of the provider, in onnxruntime's own folder
    _remedy: ClassVar[str]  # what brings the libraries that the provider needs

    @property
    def fingerprint(self) -> str:
        """The provider: CUDA and TensorRT may answer otherwise to the same file."""
        return self._providers[0][0]

    def missing(self) -> str | None:
        """The provider or the device, where it is not there, and what to do."""
        if not _installed(self._library):
            return (
                f"the installed onnxruntime has no {self._providers[0][0]}; install "
                "onnxruntime-gpu in its place: pip uninstall onnxruntime, then "
                f"{self._remedy}"
            )
        if device_name() is None:
            return (
                f"target '{self.name}' finds no CUDA device; nvidia-smi tells what the driver sees"
            )
        obstacle = _obstacle(self._providers[0][0])
        if obstacle is not None:
            return (
                f"target '{self.name}' does not begin: {obstacle}; where a library is missing, "
                f"install it: {self._remedy}"
            )
        return None

    def supports(self, method: Method, role: Role) -> str | None:
        """None for the methods that the file holds, with one grid per activation."""
        if not method.quantized:
            return "the file holds integers of at most 8 bits; take 1 to 8 bits"
        return integer_refusal(method, role)

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file."""
        from bitwright.export.onnx_file import write

        write(model, path, metadata)

    def load(self, path: Path, *, threads: int = 1) -> Runner:
        """The file as the GPU runs it; TargetError where its provider is not at work."""
        from bitwright.export.runtime import Model, open_session

        session = open_session(path, threads=threads, providers=self._providers)
        return Model(session, str(path))

    def measure(self, path: Path) -> dict[str, Measurement]:
        """latency_ms (batch 1, copies to and from the device included) and file_bytes."""
        from bitwright.measure.latency import Device, latency

        on = Device(device_name() or "no CUDA device", self._providers)
        size = Measurement(float(path.stat().st_size))
        return {"latency_ms": latency(path, on=on), "file_bytes": size}


class OnnxRuntimeCuda(_Gpu):
    """By CUDA."""

    name = "onnxruntime-cuda"
    _providers = (CUDA, PROCESSOR)
    _library = "onnxruntime_providers_cuda"
    _remedy = "pip install 'onnxruntime-gpu[cuda,cudnn]'"


class OnnxRuntimeTensorRt(_Gpu):
    """By TensorRT, and CUDA for what it does not take."""

    name = "onnxruntime-tensorrt"
    _providers = (TENSORRT, CUDA, PROCESSOR)
    _library = "onnxruntime_providers_tensorrt"
    _remedy = "pip install 'onnxruntime-gpu[cuda,cudnn]' tensorrt-cu13"


def device_name() -> str | None:
    """The first CUDA device, as its driver calls it; None without a driver or a device."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    name = ctypes.create_string_buffer(NAME_BYTES)
    device = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return None
    if driver.cuDeviceGetName(name, NAME_BYTES, device):
        return None
    return name.value.decode()


@functools.cache
def _obstacle(provider: str) -> str | None:
    """What keeps a network of one node from that provider: a library, often; None where it runs."""
    from bitwright.export.runtime import session_of

    try:
        session_of(_one_node(), "a network of one node", providers=((provider, {}),))
    except TargetError as error:
        return " ".join(str(error.__cause__ or error).split())
    return None


def _one_node() -> bytes:
    from onnx import TensorProto, helper

    from bitwright.export.onnx_file import model_of

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", [x], [y])
    return bytes(model_of(graph).SerializeToString())


def _installed(library: str) -> bool:
    """Whether the package onnxruntime holds that library; asked without loading it."""
    package = find_spec("onnxruntime")
    places = (package.submodule_search_locations if package else None) or ()
    return any(any((Path(place) / "capi").glob(f"*{library}.*")) for place in places)
