"""Runs a package client that may not be there."""

import shutil
import subprocess
from pathlib import Path

from bitwright.tasks.data.origin import OriginError

_LIMIT_S = 900.0


def run_client(program: str, *arguments: str, folder: Path) -> bytes:
    """What the program, run in `folder`, writes to standard output; OriginError if it fails."""
    found = shutil.which(program)
    if found is None:
        raise OriginError(f"{program} is not installed")
    try:
        result = subprocess.run(
            [found, *arguments], cwd=folder, capture_output=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OriginError(f"{program} did not end within {_LIMIT_S:.0f} s") from error
    except OSError as error:
        raise OriginError(f"{program} cannot be run: {error.strerror or error}") from error
    if result.returncode:
        complaint = _complaint(result.stderr.decode(errors="replace"))
        raise OriginError(f"{program} failed (exit code {result.returncode}): {complaint}")
    return result.stdout


def _complaint(text: str) -> str:
    """The first line that speaks of an error, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or line.startswith("E:")]
    return (errors[:1] or lines[-1:] or ["no message"])[0]
