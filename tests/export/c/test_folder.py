"""The exported folder: builds anywhere without a warning, and proves itself."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bitwright.errors import ExportError
from bitwright.export import reference
from bitwright.export.c.cores import CORES, Core
from bitwright.export.c.folder import write_folder
from bitwright.export.c.literals import array, comment
from bitwright.export.c.model_source import logit_steps, write_model
from bitwright.export.integer import IntegerModel
from bitwright.measure.qemu import emulator
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_images, random_model

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2")
SANITIZED = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STREAM = Path(__file__).with_name("stream.c")
WEIGHTS = ("lsq:8:channel", "lsq:4", "lsq:1", "affine:3:channel")
HELP = "not on the path: this check of the exported C is left out"


def model_of(weight: str, activation: str = "lsq:8:tensor") -> IntegerModel:
    return random_model(every_layer(weight, activation), np.random.default_rng(3))


def written(model: IntegerModel, folder: Path, core: Core | None = None) -> Path:
    images = random_images(model.graph, 2, np.random.default_rng(4))
    write_folder(model, folder, {"study": "pets */ here"}, core=core, images=images)
    return folder


def spoil(vector: Path) -> None:
    """Moves a logit of the test vector by one step."""
    head, tail = vector.read_text().rsplit("{", 1)
    number = tail.split(",")[0].strip()
    vector.write_text(f"{head}{{{tail.replace(number, str(int(number) + 1), 1)}")


def run(*command: str, folder: Path, data: bytes = b"") -> bytes:
    done = subprocess.run(command, cwd=folder, input=data, capture_output=True, timeout=200)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-3000:]
    return done.stdout


def test_make_builds_it_and_the_test_vector_agrees(tmp_path: Path) -> None:
    folder = written(model_of("lsq:4"), tmp_path)
    assert b"OK: all logits agree" in run("make", "test", folder=folder)
    spoil(folder / "test_vector.h")
    failed = subprocess.run(["make", "test"], cwd=folder, capture_output=True, check=False)
    assert failed.returncode and b"FAILED: logits differ" in failed.stdout


@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
def test_make_qemu_runs_the_test_on_each_processor(core: Core, tmp_path: Path) -> None:
    folder = written(model_of("lsq:4"), tmp_path, core)
    assert "`make qemu` runs it there." in (folder / "README.md").read_text()
    if emulator.missing():
        pytest.skip(f"{emulator.missing()}; a run of the exported C there is left out")

    def said() -> tuple[int, bytes]:
        done = subprocess.run(["make", "qemu"], cwd=folder, capture_output=True, timeout=200)
        return done.returncode, done.stdout + done.stderr  # QEMU says on stderr what a program says

    code, text = said()
    assert code == 0 and b"OK: all logits agree" in text
    spoil(folder / "test_vector.h")
    code, text = said()
    assert code != 0 and b"FAILED: logits differ" in text


def test_cmake_builds_it_too(tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip(f"cmake is {HELP}")
    folder = written(model_of("lsq:2"), tmp_path)
    run("cmake", "-S", ".", "-B", "build", folder=folder)
    run("cmake", "--build", "build", folder=folder)
    run("ctest", "--test-dir", "build", "--no-tests=error", folder=folder)


@pytest.mark.parametrize("compiler", ["gcc", "clang", "arm-none-eabi-gcc"])
@pytest.mark.parametrize("weight", ["lsq:4", "codebook:2"])
def test_no_compiler_warns(compiler: str, weight: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is {HELP}")
    folder = written(model_of(weight, "apot:4:tensor"), tmp_path)
    options = ("-mcpu=cortex-m4", "-mthumb") if compiler.startswith("arm") else ()
    sources = sorted(path.name for path in folder.glob("*.c") if path.name != "board_host.c")
    run(compiler, *STRICT, *options, "-c", *sources, folder=folder)


def extremes(images: np.ndarray) -> np.ndarray:
    """Random images among those that push sums to their ends: all low, all high, half and half."""
    images = images.copy()
    images[0], images[1], images[2] = 0, 255, 0
    images[2].reshape(-1)[::2] = 255
    images[3::5] = np.where(images[3::5] < 128, 0, 255)
    return images


@pytest.mark.slow
@pytest.mark.parametrize("weight", WEIGHTS)
def test_sanitizers_find_nothing_and_every_logit_is_exact(weight: str, tmp_path: Path) -> None:
    """10,000 inputs, extremes among them, under the address and undefined-behaviour sanitizers."""
    model = model_of(weight, "affine:4:tensor" if weight == "lsq:1" else "lsq:8:tensor")
    folder = written(model, tmp_path)
    sources = [p.name for p in folder.glob("*.c") if not p.name.startswith(("main", "board"))]
    run("cc", *SANITIZED, *sources, str(STREAM), "-I.", "-o", "stream", folder=folder)
    images = extremes(random_images(model.graph, 10_000, np.random.default_rng(5)))
    pixels = np.ascontiguousarray(np.moveaxis(images, 1, -1)).tobytes()
    found = np.frombuffer(run("./stream", folder=folder, data=pixels), np.int32)
    expected = reference.run(model, images) / logit_steps(model)
    assert np.array_equal(found.reshape(len(images), -1), np.rint(expected))


def test_only_kernels_in_use_are_written(tmp_path: Path) -> None:
    folder = written(model_of("lsq:4"), tmp_path)
    kernels = {path.stem for path in folder.glob("*.c")} - {"main", "model", "board_host"}
    pools = {"average_pool", "max_pool", "sum", "product"}
    assert kernels == {"codes", "conv", "decode", "depthwise", "linear", *pools}
    text = "".join(path.read_text() for path in folder.glob("*.[ch]"))
    assert "float" not in text.replace("floating point", "") and "malloc" not in text


def test_what_the_kernels_cannot_hold_is_refused() -> None:
    model = model_of("lsq:4")

    def changed(name: str, **changes: object) -> IntegerModel:
        layers = tuple(
            dataclasses.replace(layer, **changes) if layer.node.name == name else layer
            for layer in model.layers
        )
        return IntegerModel(model.graph, layers)

    grid = model.grid("point")
    far = dataclasses.replace(grid, zero_point=np.int32(300))
    with pytest.raises(ExportError, match=r"'point': zero point 300 .* unsigned codes of 8 bits"):
        write_model(changed("point", output=far), {})
    many = dataclasses.replace(grid, zero_point=np.zeros(6, np.int32))
    with pytest.raises(ExportError, match=r"'point'.*for each channel"):
        write_model(changed("point", output=many), {})
    coarse = reference.rescales_for_sum([2.0**25, 2.0**24])
    with pytest.raises(ExportError, match=r"'sum'.*shifts from 11"):
        write_model(changed("sum", rescales=coarse), {})
    with pytest.raises(ExportError, match="'hidden' gives raw logits"):
        write_model(changed("hidden", output=None, rescales=()), {})


def test_literals_are_c() -> None:
    lowest = array("x", np.array([-(2**31), 5], np.int32))
    assert "(-2147483647 - 1), 5" in lowest
    assert comment("a */ b /* c").count("*/") == 1


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"cannot write .*choose another folder"):
        written(model_of("lsq:4"), tmp_path / "file")
