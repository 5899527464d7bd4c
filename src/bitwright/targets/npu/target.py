"""An accelerator that a YAML file describes, as a target: `npu:FILE`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bitwright.graph import Graph
from bitwright.measure.cost import multiplied_bits
from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import FILE, Target, integer_refusal
from bitwright.targets.npu.accelerator import SHIPPED, Accelerator, listed
from bitwright.targets.npu.roofline import run

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel

KHZ_PER_MHZ = 1000


class Npu(Target):
    """Cycles, latency and energy are modelled from the network's graph, by `roofline`.

    The file to ship is the packed ONNX file, and ONNX Runtime computes what it does: an accelerator
    that computes in integers, exactly, gives the same answers.
    """

    name = "npu"
    argument = f"an accelerator's YAML file, or one of {', '.join(SHIPPED)}"
    metrics = ("latency_ms", "file_bytes", "cycles", "energy_uj")
    timed = False

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator

    @classmethod
    def of(cls, argument: str) -> Self:
        """The accelerator in the file of that path, or a shipped one by its name."""
        return cls(Accelerator.named(argument))

    @property
    def fingerprint(self) -> str:
        """A hash of all that the description says."""
        return self.accelerator.digest

    def supports(self, method: Method, role: Role) -> str | None:
        """None for integer methods of widths that some pair has or, widened, holds."""
        on = self.accelerator
        if not method.quantized and on.integer_only:
            widest = on.widths(role)[-1]
            return f"accelerator '{on.name}' computes in integers; take 1 to {widest} bits"
        if not method.quantized:
            return "its file holds integers alone; take 1 to 8 bits"
        reason = integer_refusal(method, role)
        if reason:
            return reason
        bits, widths = multiplied_bits(method), on.widths(role)
        if bits > widths[-1] or (bits not in widths and not on.widen):
            return (
                f"accelerator '{on.name}' has no {role}s of {bits} bits; its pairs of weights and "
                f"activations are {listed(on.pairs)}"
            )
        return None

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file."""
        from bitwright.export.onnx_file import write

        write(model, path, metadata)

    def measure(self, path: Path) -> dict[str, Measurement]:
        """The modelled metrics of a file that bitwright exported, and its size."""
        from bitwright.export.onnx_reader import read

        context = (("accelerator", self.accelerator.name), ("modelled", "roofline"))
        modelled = self.counted(read(path).graph).items()
        size = Measurement(float(path.stat().st_size))
        return {
            FILE: size,
            **{name: Measurement(value, context=context) for name, value in modelled},
        }

    def lacks(self, graph: Graph) -> str | None:
        """The layer of the network that the accelerator does not run, if there is one."""
        for lacking in map(self.accelerator.lacks, graph.nodes):
            if lacking is not None:
                return f"accelerator '{self.accelerator.name}' does not run '{lacking}'"
        return None

    def counted(self, graph: Graph) -> dict[str, float]:
        """latency_ms, cycles and energy_uj of one image; TargetError where it cannot run it."""
        found = run(graph, self.accelerator)
        return {
            "latency_ms": found.cycles / (self.accelerator.clock_mhz * KHZ_PER_MHZ),
            "cycles": float(found.cycles),
            "energy_uj": found.energy_uj,
        }
