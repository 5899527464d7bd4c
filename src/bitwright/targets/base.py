"""What a target is: processors, the methods it runs, how to export for it and measure."""

import abc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.registry import Registry, subclass_of

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel


class Target(abc.ABC):
    """A processor family. Holds no state between calls.

    `supports` is asked by the search, thousands of times and in processes without the target's
    runtime: it imports nothing heavy. `export` then `measure` run inside each trial, on the very
    file that would be shipped.
    """

    name: ClassVar[str]

    @abc.abstractmethod
    def supports(self, method: Method, role: Role) -> str | None:
        """None where the processor runs the method in that role, else the reason why not."""

    @abc.abstractmethod
    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the file to ship, with `metadata` inside; ExportError where it cannot be."""

    @abc.abstractmethod
    def measure(self, path: Path) -> dict[str, Measurement]:
        """The metrics of an exported file, by name: at least "latency_ms" and "file_bytes"."""


TARGETS: Registry[type[Target]] = Registry(
    "target", group="bitwright.targets", form=subclass_of(Target)
)
TARGETS.register("onnxruntime-cpu", "bitwright.targets.onnxruntime_cpu:OnnxRuntimeCpu")
