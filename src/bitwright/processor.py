"""This machine's processor: its name, and what its integer sums can be trusted with."""

import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def name() -> str:
    """The processor's model name, as its system gives it."""
    return _field("model name") or platform.processor() or platform.machine()


def sums_int8_exactly() -> bool:
    """Whether uint8 x int8 products are summed in 32 bits.

    x86 processors without VNNI add pairs of them in 16 bits, which saturate. False where unknown.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(_field("flags").split())


def _field(key: str) -> str:
    """The first value of that key in the kernel's list of processors; empty where there is none."""
    if not CPU_INFO.is_file():
        return ""
    for line in CPU_INFO.read_text().splitlines():
        found, _, value = line.partition(":")
        if found.strip() == key:
            return value.strip()
    return ""
