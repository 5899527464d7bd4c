"""What a target is: processors, the methods it runs, how to export for it and measure."""

import abc
import sys
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from bitwright.errors import ConfigError, TargetError
from bitwright.quant.names import refusal, traits_of
from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.registry import Registry, subclass_of

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel
    from bitwright.graph import Graph


FILE = "file_bytes"  # told by the file itself


class Runner(Protocol):
    """An exported network that answers."""

    def logits(self, x: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """The logits (N, classes) of inputs (N, C, H, W)."""
        ...


class Foretold(NamedTuple):
    """A metric as it is expected before there is a file, and how far off that may be.

    `margin` is a fraction of the value: 0.2 where a fifth more or less would be no surprise.
    """

    value: float
    margin: float

    @property
    def least(self) -> float:
        """What it is at the least."""
        return self.value * (1 - self.margin)


class Target(abc.ABC):
    """A processor family. Holds no state between calls.

    `supports`, `lacks` and `counted` are asked by the search, thousands of times and in processes
    without the target's runtime: they import nothing heavy. `export` then `measure` run inside each
    trial, on the very file that would be shipped.

    `metrics` are the names of what `measure` gives, "latency_ms" and "file_bytes" among them; a
    name that `bitwright.metrics` does not know is a cost, shown as a plain number. Where
    measuring is `timed`, it asks for a quiet machine and no run repeats it: it is done only for
    those candidates of which somebody asks a metric, alone. What is counted or modelled, and so
    the same every time, is measured of every candidate.
    """

    name: ClassVar[str]
    argument: ClassVar[str | None] = None  # in words, where a study writes one: "npu:FILE"
    metrics: tuple[str, ...] = ("latency_ms", FILE)
    timed: bool = True
    ships: ClassVar[str] = ""  # in words what `ship` writes to {folder}, where it writes anything

    @classmethod
    def of(cls, argument: str) -> Self:
        """The target that a study's argument describes; ConfigError for one that cannot be.

        A path in it is relative to the working directory, as data and teachers are.
        """
        raise ConfigError(
            f"target '{cls.name}' takes nothing after its name, got '{argument}'; leave it out"
        )

    @property
    def fingerprint(self) -> str:
        """Names all that its answers depend on beside its class, such as a file's content.

        A study does not go on with a target of another fingerprint.
        """
        return ""

    def missing(self) -> str | None:
        """What it needs that is not installed here, and what to do; else None.

        Asked before a study trains anything; imports nothing heavy.
        """
        return None

    @abc.abstractmethod
    def supports(self, method: Method, role: Role) -> str | None:
        """None where the processor runs the method in that role, else the reason why not."""

    @abc.abstractmethod
    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the file to ship, with `metadata` inside; ExportError where it cannot be."""

    def load(self, path: Path, *, threads: int = 1) -> Runner:
        """An exported file at work, computing what the processor would; TargetError if it cannot.

        Candidates and final networks are judged by its answers. By default ONNX Runtime's.
        """
        from bitwright.export.runtime import load

        return load(path, threads=threads)

    @abc.abstractmethod
    def measure(self, path: Path) -> dict[str, Measurement]:
        """All of `metrics` of an exported file, by name; TargetError for one it cannot take."""

    def times(self, needs: Collection[str]) -> bool:
        """Whether these metrics can be told only by timing the file, on a quiet machine."""
        return self.timed and bool(set(self.metrics) & set(needs) - {FILE})

    def measured(self, path: Path, needs: Collection[str]) -> dict[str, Measurement]:
        """What `measure` gives of the file; nothing where it is timed and not needed."""
        return self.measure(path) if not self.timed or self.times(needs) else {}

    def form(self, path: Path) -> dict[str, str]:
        """What `export` is to be told, as metadata, so that an exported network is fastest here.

        Found by timing forms of the file, so no run need repeat it: asked only of networks that a
        study hands over, where somebody asks a time. By default nothing.
        """
        del path
        return {}

    @property
    def leading(self) -> "Target":
        """Who judges accuracy where one must stand for several: itself, where it is alone."""
        return self

    @property
    def each(self) -> Mapping[str, "Target"]:
        """The targets by name that it stands for, where these are several."""
        return {}

    def ship(self, path: Path, folder: Path) -> dict[str, float] | None:
        """Writes what the processor's own tools take of an exported file into a folder.

        What it costs there, by metric; None where that cannot be measured here. ConfigError by
        default: most targets run the exported file as it is.
        """
        raise ConfigError(
            f"target '{self.name}' runs a study's model.onnx as it is; there is nothing more to "
            "export"
        )

    def lacks(self, graph: "Graph") -> str | None:
        """The reason why the processor has no layer of such a kind; None where it has them all.

        Methods are another matter (`supports`). Kinds of unit that need such a layer leave the
        space before the search.
        """
        del graph
        return None

    def counted(self, graph: "Graph") -> dict[str, float]:
        """Those of `metrics` that a network's graph alone decides; none unless the target says so.

        They are known before any training: limits on them are checked then, and screens see them.
        `measure` gives the same numbers.
        """
        del graph
        return {}

    def foretold(self, graph: "Graph", needs: Collection[str]) -> dict[str, Foretold]:
        """Those of `needs` that can be guessed from a network's graph; by default none.

        What is foretold is never reported. It screens candidates, and rules out before training
        those that break a limit even at the least. It may take a while, and need the target's
        runtime, for layers that were not met before. MeasurementError for a network that the
        target's tools cannot take.
        """
        del graph, needs
        return {}


def integer_refusal(method: Method, role: Role) -> str | None:
    """Why integer kernels do not run a quantized method in that role; None where they may."""
    reason = refusal(method, role)
    if reason is None and role == "activation" and method.per_channel:
        return "integer convolution needs one scale for its whole input; take it per tensor"
    return reason


def int8_refusal(method: Method, role: Role, program: str) -> str | None:
    """Why a program whose integers are int8, even on every grid, does not run a method as it is."""
    if not method.quantized:
        return "the target computes in integers of at most 8 bits; take 1 to 8 bits"
    reason = integer_refusal(method, role)
    if reason:
        return reason
    traits = traits_of(method.transform)
    if role == "activation" and traits.levels != "even":
        return f"{program} has no integer form for uneven levels; take 'lsq' or 'power_of_two'"
    if role == "weight" and traits.zero_points and method.bits == 8:
        return f"8-bit codes less a zero point leave {program}'s int8; take 7 bits or lsq:8"
    return None


def installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    if package in sys.modules:
        return sys.modules[package] is not None
    return find_spec(package) is not None


def check_images(x: npt.NDArray[Any], shape: tuple[int, ...], taker: str) -> None:
    """TargetError for what are not uint8 images (N, *shape); `taker` says in words who asks."""
    if x.dtype != np.uint8 or x.shape[1:] != shape:
        raise TargetError(
            f"images are {x.dtype} {x.shape}; {taker} takes uint8 (N, {', '.join(map(str, shape))})"
        )


def answer_alike(first: Target, second: Target) -> bool:
    """Whether both answer to a file by the same program, so that accuracy need not be told anew."""
    a, b = first.leading, second.leading
    if type(a).load is not type(b).load:
        return False
    return type(a).load is Target.load or a.fingerprint == b.fingerprint


TARGETS: Registry[type[Target]] = Registry(
    "target", group="bitwright.targets", form=subclass_of(Target)
)
TARGETS.register("onnxruntime-cpu", "bitwright.targets.onnxruntime_cpu:OnnxRuntimeCpu")
TARGETS.register("onnxruntime-cuda", "bitwright.targets.onnxruntime_gpu:OnnxRuntimeCuda")
TARGETS.register("onnxruntime-tensorrt", "bitwright.targets.onnxruntime_gpu:OnnxRuntimeTensorRt")
TARGETS.register("openvino", "bitwright.targets.openvino_cpu:OpenVino")
TARGETS.register("litert", "bitwright.targets.litert:LiteRt")
TARGETS.register("npu", "bitwright.targets.npu.target:Npu")
for _core in ("M4", "M7", "M33", "M55"):
    TARGETS.register(f"cortex-{_core.lower()}", f"bitwright.targets.cortex_m:Cortex{_core}")


def kind_of(name: str) -> tuple[type[Target], str | None]:
    """The class of the target that a study names, and what follows the name's colon.

    Such as "onnxruntime-cpu", "npu:FILE", "package.module:Class" and "package.module:Class:FILE".
    """
    head, colon, argument = name.partition(":")
    if head not in TARGETS:
        attribute, colon, argument = argument.partition(":")
        head = f"{head}:{attribute}" if ":" in name else name
    return TARGETS.get(head), argument if colon else None


def make(name: str) -> Target:
    """The target that a study names."""
    kind, argument = kind_of(name)
    if argument is not None:
        return kind.of(argument)
    if kind.argument is not None:
        raise ConfigError(f"target '{name}' needs {kind.argument}: write it as '{name}:...'")
    return kind()
