"""The folder that is shipped: model, the kernels that it needs, build files, a test, a README."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export import reference
from bitwright.export.c.cores import Core
from bitwright.export.c.layout import channels_last
from bitwright.export.c.literals import array
from bitwright.export.c.model_source import Source, write_model
from bitwright.export.c.readme import readme
from bitwright.export.integer import IntegerModel

HEADERS = ("bitwright.h", "arithmetic.h", "codes.h")
NEEDED = {
    "decode": ("decode.h",),
    "depthwise": ("decode.h",),
    "linear": ("decode.h",),
}


def write_folder(
    model: IntegerModel,
    folder: Path,
    metadata: Mapping[str, str],
    *,
    core: Core | None = None,
    images: npt.NDArray[np.uint8],
    costs: Mapping[str, float] | None = None,
) -> Source:
    """Writes everything; makes the folder. `images` (N, C, H, W) become the test vector.

    With a `core`, the folder also builds for that processor; the README tells `costs`, by metric.
    """
    source = write_model(model, metadata)
    files = model_files(source)
    names = " ".join(sorted(name for name in files if name.endswith(".c")))
    files |= {
        "test_vector.h": test_vector(model, images),
        "Makefile": program_text("Makefile").replace("@SOURCES@", names),
        "CMakeLists.txt": program_text("CMakeLists.txt").replace("@SOURCES@", names),
        "README.md": readme(model, source, metadata, core, costs),
        **{name: program_text(name) for name in ("main.c", "board.h", "board_host.c")},
    }
    if core:
        files |= cortex_files(core)
    write_files(folder, files)
    return source


def cortex_files(core: Core) -> dict[str, str]:
    """Start-up code, memory map and rules for the emulated board of a processor, by name."""
    linker = program_text("cortex_m.ld")
    for name, (origin, length) in (("FLASH", core.flash), ("RAM", core.ram)):
        linker = linker.replace(f"@{name}_ORIGIN@", hex(origin))
        linker = linker.replace(f"@{name}_LENGTH@", hex(length))
    rules = program_text("cortex.mk").replace("@MACHINE@", core.machine)
    return {
        "board_cortex_m.c": program_text("board_cortex_m.c"),
        "cortex_m.ld": linker,
        "cortex.mk": rules.replace("@OPTIONS@", " ".join(core.options)),
    }


def model_files(source: Source) -> dict[str, str]:
    """The network itself: `model.h`, `model.c` and the kernels that it uses, by name."""
    files = {"model.h": source.header, "model.c": source.code}
    return files | {name: kernel_text(name) for name in kernel_files(source)}


def kernel_files(source: Source) -> list[str]:
    """The names of the files that the model's kernels are made of."""
    headers = {header for kernel in source.kernels for header in NEEDED.get(kernel, ())}
    return sorted({*HEADERS, *headers, *(f"{kernel}.c" for kernel in source.kernels)})


def test_vector(model: IntegerModel, images: npt.NDArray[np.uint8]) -> str:
    """`test_vector.h`: images as the model reads them, and the logits that the reference gives."""
    logits = whole_logits(model, images)
    pixels = channels_last(images)
    parts = [
        "/* Images, and the logits that the network must give for them. */",
        f"#define TEST_IMAGES {len(images)}",
        '#define TEST_DATA __attribute__((section(".test_vector")))',
        array("test_images", pixels, shape="[TEST_IMAGES][MODEL_INPUTS] TEST_DATA"),
        array("test_logits", logits, shape="[TEST_IMAGES][MODEL_OUTPUTS] TEST_DATA"),
    ]
    return "\n".join([*parts, ""])


def whole_logits(model: IntegerModel, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """The reference's logits (N, classes) in steps of one, as the C gives them."""
    values = reference.trace(model, images)[model.graph.output.name].astype(np.int32)
    last = model.layers[-1].output
    return values if last is None else np.asarray(values - last.zero_point, np.int32)


def kernel_text(name: str) -> str:
    """A file of the kernels' folder."""
    return _packaged("kernels", name)


def program_text(name: str) -> str:
    """A file of the test program's folder."""
    return _packaged("program", name)


def _packaged(place: str, name: str) -> str:
    return (resources.files("bitwright.export.c") / place / name).read_text(encoding="utf-8")


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes each file; ExportError where the disk does not let it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"cannot write '{error.filename}': {error.strerror}; free space or "
            "choose another folder"
        ) from error
