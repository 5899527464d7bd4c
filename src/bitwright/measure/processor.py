"""What this machine's processor calls itself."""

import functools
import platform
from pathlib import Path


@functools.cache
def processor_name() -> str:
    """The processor's model name, or the architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
