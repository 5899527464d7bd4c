"""The Cortex-M processors that C is written for, and the boards on which QEMU emulates them."""

import dataclasses

from bitwright.errors import TargetError


@dataclasses.dataclass(frozen=True, slots=True)
class Timer:
    """A board's counter of 32 bits: 1 written to `control` starts it; `step` is +1 or -1 a tick."""

    control: int
    count: int
    step: int
    hz: int


@dataclasses.dataclass(frozen=True, slots=True)
class Core:
    """A processor: the compiler's options, and QEMU's board with it.

    Memory is (origin, bytes). `clock_mhz` is a usual clock of such a processor.
    """

    name: str
    options: tuple[str, ...]
    machine: str
    flash: tuple[int, int]
    ram: tuple[int, int]
    timer: Timer
    clock_mhz: int


MIB = 2**20
CORES: dict[str, Core] = {
    core.name: core
    for core in (
        Core(
            "cortex-m4",
            ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"),
            "mps2-an386",
            (0, 4 * MIB),
            (0x20000000, 4 * MIB),
            Timer(0x40000000, 0x40000004, -1, 25_000_000),
            100,
        ),
        Core(
            "cortex-m7",
            ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=soft"),
            "mps2-an500",
            (0, 4 * MIB),
            (0x20000000, 4 * MIB),
            Timer(0x40000000, 0x40000004, -1, 25_000_000),
            200,
        ),
        Core(
            "cortex-m33",
            ("-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=soft"),
            "mps2-an505",
            (0x10000000, 4 * MIB),
            (0x38000000, 4 * MIB),
            Timer(0x50000000, 0x50000004, -1, 20_000_000),
            100,
        ),
        Core(
            "cortex-m55",
            ("-mcpu=cortex-m55+nomve", "-mthumb", "-mfloat-abi=soft"),
            "mps3-an547",
            (0, MIB // 2),
            (0x21000000, 2 * MIB),
            Timer(0x58100000, 0x58000000, 1, 32_000_000),
            100,
        ),
    )
}


def core_named(name: str) -> Core:
    """The processor of that name; TargetError if there is none."""
    if name not in CORES:
        raise TargetError(f"there is no processor '{name}'; choose one of {', '.join(CORES)}")
    return CORES[name]
