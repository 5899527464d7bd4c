"""The formulas of fake quantization as compiled C, built once per machine in about a second.

Built with the system's C compiler and loaded with ctypes: no start-up cost beyond the first build,
a few microseconds a call, any shape (docs/decisions/0001-fused-fake-quant.md compares it with
torch.compile). It shares torch's own OpenMP threads, so that two thread pools never compete.
"""

import ctypes
import functools
import hashlib
import logging
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from bitwright import processor
from bitwright.quant.lattice import Lattice

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
SOURCES = ("kernels.c", "norm_kernels.c")
HEADERS = ("numbers.h", "norm_formulas.h")
FLAGS = (
    *("-O3", "-march=native", "-fopenmp", "-fPIC", "-fno-math-errno", "-fno-trapping-math"),
    *("-fassociative-math", "-fno-signed-zeros"),  # the sums become vector code
)
BLOCK = 8192  # as in the kernels
SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}


def available() -> bool:
    """Whether the kernels are built, or could be built just now."""
    return library() is not None


def serves(x: Tensor) -> bool:
    """Whether the kernels take this tensor."""
    return x.device.type == "cpu" and x.dtype in SUFFIX and library() is not None


@functools.cache
def library() -> ctypes.CDLL | None:
    """The loaded kernels, or None (with the reason in the log) where they cannot be had."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    try:
        path = _cached_path()
        if not path.exists():
            if compiler is None:
                logger.warning("no C compiler found: training under quantization runs slower")
                return None
            _build(compiler, path)
        for openmp in (Path(torch.__file__).parent / "lib").glob("libgomp*.so*"):
            ctypes.CDLL(str(openmp), mode=ctypes.RTLD_GLOBAL)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("training under quantization runs slower: %s", error)
        return None


def _cached_path() -> Path:
    """Where the library of this source, these flags and this processor lies."""
    code = b"".join((FOLDER / name).read_bytes() for name in SOURCES + HEADERS)
    key = code + " ".join(FLAGS).encode() + processor.name().encode()
    name = f"kernels-{hashlib.sha256(key).hexdigest()[:16]}.so"
    return Path(platformdirs.user_cache_dir("bitwright")) / name


def _build(compiler: str, path: Path) -> None:
    """Compiles without linking OpenMP: its symbols are found in torch's own copy when loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        objects = [str(Path(folder) / f"{name}.o") for name in SOURCES]
        for name, code in zip(SOURCES, objects, strict=True):
            _run(compiler, *FLAGS, "-c", str(FOLDER / name), "-o", code)
        built = Path(folder) / "kernels.so"
        _run(compiler, "-shared", *objects, "-o", str(built), "-lm")
        built.replace(path)


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode:
        raise OSError(f"{command[0]} failed: {result.stderr.strip()[-500:]}")


def forward(x: Tensor, lattice: Lattice) -> Tensor:
    """As the eager formula. `x` contiguous, (n,) with a step () or (C, n) with a step (C, 1)."""
    out = torch.empty_like(x)
    rows, n = _rows(x, lattice)
    function = getattr(library(), f"forward_{SUFFIX[x.dtype]}")
    function(
        _pointer(x),
        _pointer(out),
        ctypes.c_long(rows),
        ctypes.c_long(n),
        *_arguments(lattice),
        torch.get_num_threads(),
    )
    return out


def backward(grad: Tensor, x: Tensor, lattice: Lattice) -> tuple[Tensor, Tensor]:
    """As the eager formula; `grad` contiguous with the dtype of `x`."""
    to_x, to_step = torch.empty_like(x), torch.empty_like(lattice.step)
    rows, n = _rows(x, lattice)
    partial = torch.empty(rows * -(-n // BLOCK))
    function = getattr(library(), f"backward_{SUFFIX[x.dtype]}")
    function(
        _pointer(grad),
        _pointer(x),
        _pointer(to_x),
        _pointer(to_step),
        _pointer(partial),
        ctypes.c_long(rows),
        ctypes.c_long(n),
        *_arguments(lattice),
        torch.get_num_threads(),
    )
    return to_x, to_step


def _rows(x: Tensor, lattice: Lattice) -> tuple[int, int]:
    """Rows, and values a row."""
    return (x.shape[0], x.shape[1]) if lattice.step.ndim else (1, x.numel())


def _arguments(lattice: Lattice) -> tuple[ctypes.c_void_p | ctypes.c_long | int, ...]:
    """The lattice as the kernels take it; a stride says how far to move on with each row."""
    step, low, high, levels, table = lattice
    no_table = ctypes.c_void_p()
    return (
        _pointer(step),
        ctypes.c_long(int(step.numel() > 1)),
        _pointer(low),
        _pointer(high),
        ctypes.c_long(int(low.numel() > 1)),
        no_table if table is None else _pointer(table),
        ctypes.c_long(table.shape[1] if table is not None and table.ndim > 1 else 0),
        int(levels),
    )


def _pointer(x: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data_ptr())
