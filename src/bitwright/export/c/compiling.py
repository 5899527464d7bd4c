"""The kernels compiled, once per machine, compiler and options, and kept."""

import functools
import hashlib
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

import platformdirs

from bitwright import processor
from bitwright.errors import TargetError
from bitwright.export.c.folder import kernel_text, write_files

PATIENCE_S = 300.0


@functools.cache
def compiled_kernels(compiler: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """The object files of all kernels; TargetError where the compiler fails."""
    texts = _kernels()
    version = compile_with(compiler, "--version")
    key = "\0".join([kernels_digest(), *options, version, processor.name()])
    cache = Path(platformdirs.user_cache_dir("bitwright"))
    folder = cache / f"c-kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            made = Path(temporary) / "kernels"
            write_files(made, texts)
            for source in made.glob("*.c"):
                output = str(source.with_suffix(".o"))
                compile_with(compiler, *options, "-c", str(source), "-o", output)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
    return tuple(sorted(map(str, folder.glob("*.o"))))


def kernels_digest() -> str:
    """Names the kernels as they stand."""
    texts = _kernels()
    return hashlib.sha256("\0".join([*texts, *texts.values()]).encode()).hexdigest()[:16]


@functools.cache
def _kernels() -> dict[str, str]:
    """The files of all kernels."""
    place = resources.files("bitwright.export.c").joinpath("kernels")
    names = sorted(item.name for item in place.iterdir() if item.name.endswith((".c", ".h")))
    return {name: kernel_text(name) for name in names}


def compile_with(compiler: str, *arguments: str, folder: Path | None = None) -> str:
    """Runs a compiler in the folder; what it prints. TargetError where it fails."""
    command = [compiler, *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if done.returncode:
        raise TargetError(
            f"{compiler} cannot compile the exported C: {done.stderr.strip()[-500:]}; "
            "update it, or put another one on the path"
        )
    return done.stdout
