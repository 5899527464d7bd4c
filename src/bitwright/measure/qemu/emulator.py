"""Builds exported C for a Cortex-M and runs it under QEMU, one instruction at a time.

With `-icount` QEMU's clocks advance by a fixed time an instruction, so a board's timer counts
instructions: exactly, and the same on every machine. Cycles of a real processor are another matter:
it stalls on memory, and takes several for some instructions.
"""

import dataclasses
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bitwright.errors import MeasurementError, TargetError
from bitwright.export.c.compiling import compile_with, compiled_kernels
from bitwright.export.c.cores import Core
from bitwright.export.c.folder import cortex_files, kernel_text, program_text, write_files
from bitwright.export.c.layout import channels_first, channels_last
from bitwright.export.c.model_source import write_model
from bitwright.export.integer import Array, IntegerModel
from bitwright.measure.cost import macs

COMPILER, EMULATOR, SIZE = "arm-none-eabi-gcc", "qemu-system-arm", "arm-none-eabi-size"
PACKAGES = "Debian has them in gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm"
FLAGS = (
    *("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2"),
    *("-ffunction-sections", "-fdata-sections"),
)
LINKED = ("-nostartfiles", "-T", "cortex_m.ld", "-Wl,--gc-sections", "-o", "program.elf")
SHIFT = 7  # an instruction takes 2**7 ns: some ticks of any timer, a second for 8 million
LARGEST_MACS = 400_000_000  # of one image: the timers' 32 bits hold a billion instructions
PATIENCE_S = 3600.0
FLASH, RAM = (".text", ".rodata", ".data"), (".data", ".bss")


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What came out: logits int32 (N, classes) in steps, instructions int64 (N,).

    Of an observed run also `layers`, the instructions of each layer (N, layers), and of a traced
    one `outputs`, each layer's codes by name with the images along axis 0.
    """

    logits: npt.NDArray[np.int32]
    instructions: npt.NDArray[np.int64]
    layers: npt.NDArray[np.int64] | None = None
    outputs: dict[str, Array] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the linked program without its test vector: flash, and RAM without the stack."""

    flash_bytes: int
    ram_bytes: int


def missing() -> str | None:
    """Which of the programs that this needs are not on the path, and what to do; else None."""
    absent = [name for name in (COMPILER, EMULATOR, SIZE) if shutil.which(name) is None]
    return f"{' and '.join(absent)}: not on the path; {PACKAGES}" if absent else None


def run(
    model: IntegerModel,
    core: Core,
    images: npt.NDArray[np.uint8],
    *,
    observed: bool = False,
    traced: bool = False,
    rows: Mapping[str, int] | None = None,
) -> Run:
    """The model's C on uint8 images (N, C, H, W). `traced` also observes.

    `rows` says how many rows convolutions take at a time, as `write_model` takes it.
    """
    work = sum(macs(model.graph, node) for node in model.graph.nodes)
    if work > LARGEST_MACS:
        raise MeasurementError(
            f"a network of {work} multiply-accumulates: the emulated timer "
            f"counts to those of {LARGEST_MACS}; make it smaller"
        )
    observed = observed or traced
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = [*timer_options(core), f"-DMODEL_TRACED={int(traced)}"]
        if observed:
            bytes_of = ",".join(str(_bytes(model, at)) for at in range(1, len(model.layers)))
            options += ["-DMODEL_OBSERVED", f"-DLAYER_BYTES={{{bytes_of}}}"]
        link(network(model, rows) | {"harness.c": harness()}, core, folder, options)
        data = emulate(core, folder, channels_last(images).tobytes())
    return _parsed(data, model, core, count=len(images), observed=observed, traced=traced)


def sizes(model: IntegerModel, core: Core) -> Sizes:
    """The linked program's memory: the network, its kernels, and the least of start-up code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        main = {"main.c": program_text("main.c"), "test_vector.h": _empty_vector(model)}
        link(network(model) | main, core, folder)
        listed = _run(SIZE, "-A", "program.elf", folder=folder)
    found = {
        words[0]: int(words[1])
        for words in map(str.split, listed.splitlines())
        if len(words) == 3 and words[1].isdigit()
    }
    return Sizes(sum(found[part] for part in FLASH), sum(found[part] for part in RAM))


def _bytes(model: IntegerModel, at: int) -> int:
    """The bytes of a layer's output."""
    layer = model.layers[at]
    return math.prod(layer.node.shape) * (4 if layer.output is None else 1)


def network(model: IntegerModel, rows: Mapping[str, int] | None = None) -> dict[str, str]:
    """The network's own files; its kernels are compiled already."""
    source = write_model(model, {}, rows=rows)
    header = {"bitwright.h": kernel_text("bitwright.h")}
    return {"model.h": source.header, "model.c": source.code} | header


def harness() -> str:
    """The program that runs a network on a file of images, counting."""
    return (resources.files(__package__) / "harness.c").read_text(encoding="utf-8")


def timer_options(core: Core) -> list[str]:
    """What the harness is told of the board's timer."""
    timer = core.timer
    return [
        f"-DTIMER_CONTROL={timer.control:#x}U",
        f"-DTIMER_COUNT={timer.count:#x}U",
        f"-DTIMER_STEP={timer.step}",
    ]


def link(files: Mapping[str, str], core: Core, folder: Path, options: Sequence[str] = ()) -> None:
    """Writes the files and the board's own; builds `program.elf` of them and of the kernels.

    MeasurementError for what the board's memory does not hold.
    """
    files = {**files, **cortex_files(core), "board.h": program_text("board.h")}
    write_files(folder, files)
    sources = sorted(name for name in files if name.endswith(".c"))
    check_installed()
    flags = (*FLAGS, *core.options)
    kernels = compiled_kernels(COMPILER, flags)
    try:
        compile_with(COMPILER, *flags, *options, *sources, *kernels, *LINKED, folder=folder)
    except TargetError as error:
        if "overflowed" not in str(error):
            raise
        flash, ram = (size >> 10 for _, size in (core.flash, core.ram))
        raise MeasurementError(
            f"a network that the emulated board has no room for: {flash} KiB of flash and {ram} "
            "KiB of RAM; make it smaller"
        ) from error


def emulate(core: Core, folder: Path, images: bytes) -> npt.NDArray[np.uint8]:
    """Runs the folder's `program.elf` on the images; what it wrote, as bytes."""
    (folder / "images").write_bytes(images)
    options = ("-nographic", "-monitor", "none", "-serial", "none")
    semihosting = ("-semihosting-config", "enable=on,target=native")
    counted = ("-icount", f"shift={SHIFT},sleep=off")
    command = (EMULATOR, "-M", core.machine, *options, *semihosting, *counted)
    _run(*command, "-kernel", "program.elf", folder=folder)
    return np.frombuffer((folder / "outputs").read_bytes(), np.uint8)


def _empty_vector(model: IntegerModel) -> str:
    """A test vector of one image without content: only its place in the program counts."""
    outputs = math.prod(model.graph.output.shape)
    place = '__attribute__((section(".test_vector")))'
    return (
        "#define TEST_IMAGES 1\n"
        f"static const uint8_t test_images[1][MODEL_INPUTS] {place} = {{{{0}}}};\n"
        f"static const int32_t test_logits[1][{outputs}] {place} = {{{{0}}}};\n"
    )


def check_installed() -> None:
    """TargetError where a program that this needs is missing."""
    reason = missing()
    if reason:
        raise TargetError(reason)


def _run(*command: str, folder: Path) -> str:
    check_installed()
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode:
        told = (done.stderr + done.stdout).strip()[-500:]
        raise TargetError(f"{command[0]} ended with {done.returncode}: {told}")
    return done.stdout


def _parsed(
    data: npt.NDArray[np.uint8],
    model: IntegerModel,
    core: Core,
    *,
    count: int,
    observed: bool,
    traced: bool,
) -> Run:
    """The harness's file: for each image outputs, logits, ticks, and each layer's ticks."""
    layers, classes = len(model.layers) - 1, math.prod(model.graph.output.shape)
    widths = [_bytes(model, at + 1) if traced else 0 for at in range(layers)]
    widths += [4 * classes, 4, 4 * layers if observed else 0]
    if data.size != count * sum(widths):
        raise MeasurementError(
            f"{count} images gave {data.size} bytes, not {count * sum(widths)}: the emulated "
            "program stopped early"
        )
    parts = np.split(data.reshape(count, -1), np.cumsum(widths)[:-1], axis=1)
    logits, ticks, by_layer = (np.ascontiguousarray(part) for part in parts[layers:])
    outputs = None
    if traced:
        outputs = {
            layer.node.name: channels_first(part, layer.node.shape, raw=layer.output is None)
            for layer, part in zip(model.layers[1:], parts[:layers], strict=True)
        }
    return Run(
        logits.view(np.int32),
        instructions_of(ticks.view(np.uint32)[:, 0], core),
        instructions_of(by_layer.view(np.uint32), core) if observed else None,
        outputs,
    )


def instructions_of(ticks: npt.NDArray[np.uint32], core: Core) -> npt.NDArray[np.int64]:
    """The instructions between two readings of the timer."""
    ns = ticks.astype(np.float64) * (1e9 / core.timer.hz)
    return np.asarray(np.rint(ns / 2**SHIFT), np.int64)
