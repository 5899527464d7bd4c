"""Cortex-M microcontrollers: C99 in integers, its instructions counted under QEMU.

The file of a trial is the packed ONNX file, which holds every integer; the C that ships is made of
it. What the C computes is measured: accuracy by the same C compiled for this machine, instructions,
flash and RAM by the program linked for the processor.
"""

import abc
import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import Foretold, Runner, Target, check_images, integer_refusal

if TYPE_CHECKING:
    from bitwright.export.c.cores import Core
    from bitwright.export.c.host import HostModel
    from bitwright.export.integer import IntegerModel
    from bitwright.graph import Graph
    from bitwright.measure.qemu.table import Table

KHZ_PER_MHZ = 1000
MARGIN, SIZE_MARGIN = 0.05, 0.01  # of what is foretold; docs/targets.md says how far off it is
BY_LAYERS = frozenset({"instructions", "latency_ms"})
BY_LINKING = frozenset({"flash_bytes", "ram_bytes"})
TEST_IMAGES = 2  # of random pixels, that an exported folder proves itself on


class CortexM(Target, abc.ABC):
    """What the processors have in common; `name` is theirs, as `export.c.cores` has it."""

    metrics = (
        "latency_ms",
        "file_bytes",
        "instructions",
        "flash_bytes",
        "ram_bytes",
    )
    timed = False
    ships = "C in {folder}; try it with: make -C {folder} test"

    def missing(self) -> str | None:
        """The compiler and the emulator, where they are not on the path."""
        from bitwright.measure.qemu.emulator import missing

        return missing()

    def supports(self, method: Method, role: Role) -> str | None:
        """None for integer methods of 1 to 8 bits, activations with one grid per tensor."""
        if not method.quantized:
            return "the processor computes in integers of at most 8 bits; take 1 to 8 bits"
        return integer_refusal(method, role)

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the packed ONNX file; ExportError where C could not be made of it."""
        from bitwright.export.c.model_source import write_model
        from bitwright.export.onnx_file import write

        write_model(model, {})
        write(model, path, metadata)

    def load(self, path: Path, *, threads: int = 1) -> Runner:
        """The network's C, compiled for this machine: bit for bit what the processor computes."""
        from bitwright.export.c.host import HostModel
        from bitwright.export.c.model_source import logit_steps
        from bitwright.export.onnx_reader import read

        del threads  # the C has one
        model = read(path)
        return _OnHost(HostModel(model), logit_steps(model), model.graph.input.shape)

    def measure(self, path: Path) -> dict[str, Measurement]:
        """Instructions of one random image, latency of as many cycles, flash, RAM, the file."""
        from bitwright.export.onnx_reader import read

        model, core = read(path), self._core()
        found = costs_on(model, core)
        context = (("processor", core.name), ("emulator", core.machine))
        clock = (*context, ("clock_mhz", str(core.clock_mhz)), ("cycles_per_instruction", "1"))
        latency = found["instructions"] / (core.clock_mhz * KHZ_PER_MHZ)
        return {
            "latency_ms": Measurement(latency, context=clock),
            "file_bytes": Measurement(float(path.stat().st_size)),
            **{name: Measurement(value, context=context) for name, value in found.items()},
        }

    def foretold(self, graph: "Graph", needs: Collection[str]) -> dict[str, Foretold]:
        """Instructions as the sum over layers, latency of as many cycles, flash and RAM.

        Each kind of layer is run alone once, and kept; nothing where the tools are missing.
        """
        found: dict[str, Foretold] = {}
        if not set(needs) & (BY_LAYERS | BY_LINKING) or self.missing():
            return found
        core, table = self._core(), _table(self.name)
        if set(needs) & BY_LAYERS:
            instructions = float(table.instructions(graph))
            latency = instructions / (core.clock_mhz * KHZ_PER_MHZ)
            found["instructions"] = Foretold(instructions, MARGIN)
            found["latency_ms"] = Foretold(latency, MARGIN)
        if set(needs) & BY_LINKING:
            sizes = table.sizes(graph)
            found["flash_bytes"] = Foretold(float(sizes.flash_bytes), SIZE_MARGIN)
            found["ram_bytes"] = Foretold(float(sizes.ram_bytes), SIZE_MARGIN)
        return {name: guess for name, guess in found.items() if name in needs}

    def ship(self, path: Path, folder: Path) -> dict[str, float] | None:
        """Writes the C of an exported file into a folder, with README, build files and a test.

        The costs that the README tells; None where they cannot be measured here (`missing` says
        why).
        """
        from bitwright.export.c.folder import write_folder
        from bitwright.export.onnx_reader import metadata, read

        model, core = read(path), self._core()
        shape = (TEST_IMAGES, *model.graph.input.shape)
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        found = None if self.missing() else costs_on(model, core)
        about = {key: value for key, value in (metadata(path) or {}).items() if key in SHOWN}
        write_folder(model, folder, about, core=core, images=images, costs=found)
        return found

    def _core(self) -> "Core":
        from bitwright.export.c.cores import core_named

        return core_named(self.name)


SHOWN = frozenset({"study", "data", "classes", "test_accuracy", "bitwright_version"})


class CortexM4(CortexM):
    """ARMv7E-M with DSP instructions."""

    name = "cortex-m4"


class CortexM7(CortexM):
    """ARMv7E-M with DSP instructions, two issued at a time."""

    name = "cortex-m7"


class CortexM33(CortexM):
    """ARMv8-M Mainline with DSP instructions."""

    name = "cortex-m33"


class CortexM55(CortexM):
    """ARMv8.1-M; by its DSP instructions, not by its vectors."""

    name = "cortex-m55"


@functools.cache
def _table(name: str) -> "Table":
    from bitwright.export.c.cores import core_named
    from bitwright.measure.qemu.table import Table

    return Table(core_named(name))


def costs_on(model: "IntegerModel", core: "Core") -> dict[str, float]:
    """instructions, flash_bytes and ram_bytes; TargetError where the tools are not installed."""
    from bitwright.measure.qemu.emulator import run, sizes

    shape = (1, *model.graph.input.shape)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    linked = sizes(model, core)
    return {
        "instructions": float(run(model, core, image).instructions[0]),
        "flash_bytes": float(linked.flash_bytes),
        "ram_bytes": float(linked.ram_bytes),
    }


class _OnHost:
    """Exported C that answers in real logits."""

    def __init__(
        self, built: "HostModel", steps: npt.NDArray[np.float64], shape: tuple[int, ...]
    ) -> None:
        self._built = built
        self._steps = steps
        self._shape = shape

    def logits(self, x: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating[Any]]:
        """Logits (N, classes) of uint8 images (N, C, H, W); TargetError for any other array."""
        check_images(x, self._shape, "the C")
        return self._built.logits(x) * self._steps
