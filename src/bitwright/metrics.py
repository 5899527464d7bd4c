"""The metrics there are: names, units, and how their values are written, everywhere the same.

What a study may put into its reward, limits and objectives, what is recorded, and what terminal,
report, JSON and CSV show of it goes by this one table.
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bitwright.study.view import Entry

TIMES = "\N{MULTIPLICATION SIGN}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
MISSING = "-"
SMALLEST = 1e-6  # what is less, in its unit, is shown as zero
ON = "@"  # of one target among several: "latency_ms@cortex-m4"


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """One metric, shown as `value / per` in `unit` with so many decimals; small costs take more.

    `less` and `more` say what a network is that has less or more of it. One that is `traded` is
    drawn against accuracy, and counts in a study's Pareto set where every trial has it.
    """

    name: str
    title: str
    unit: str = ""
    per: float = 1
    decimals: int = 3
    better: Literal["min", "max"] = "min"
    less: str = "less"
    more: str = "more"
    traded: bool = False

    def scaled(self, value: float) -> float:
        """The value in `unit`."""
        return value / self.per

    def show(self, value: float | None) -> str:
        """The value with its unit; a dash where it is unknown."""
        if value is None or not math.isfinite(value):
            return MISSING
        return f"{self._number(value, self._decimals(value))} {self.unit}".rstrip()

    def _number(self, value: float, decimals: int) -> str:
        return f"{self.scaled(value):,.{decimals}f}"

    def _decimals(self, value: float) -> int:
        """So many that a cost shows two digits that are not leading zeros."""
        scaled = abs(self.scaled(value))
        if self.better == "max" or scaled < SMALLEST:
            return self.decimals
        return max(self.decimals, 1 - math.floor(math.log10(scaled)))

    def tell(self, entry: "Entry | None") -> str:
        """The entry's value, with its spread where there is one: "0.085 ± 0.002 ms"."""
        value = entry.metric(self.name) if entry else None
        shown = self.show(value)
        spread = entry.spread(self.name) if entry else None
        if spread is None or value is None or MISSING in (shown, self.show(spread)):
            return shown
        reach = self._number(spread, self._decimals(value))
        return f"{shown.removesuffix(f' {self.unit}')} {PLUS_MINUS} {reach} {self.unit}".rstrip()

    def compare(self, value: float | None, reference: float | None) -> str:
        """The value in words of the reference: "3.2x smaller"; points for fractions."""
        if value is None or reference is None or not math.isfinite(value + reference):
            return MISSING
        if self.better == "max":
            return f"{self.scaled(value - reference):+.{self.decimals}f} points"
        if min(value, reference) <= 0:
            return MISSING
        ratio = max(value, reference) / min(value, reference)
        if ratio < 1.005:
            return "same"
        word = self.less if value < reference else self.more
        return f"{ratio:.{1 if ratio >= 2 else 2}f}{TIMES} {word}"

    def ratio(self, value: float | None, reference: float | None) -> str:
        """`value / reference` with two decimals; a dash where one of them is unknown."""
        if value is None or not reference or not math.isfinite(value / reference):
            return MISSING
        return f"{value / reference:.2f}{TIMES}"


_SMALLER, _FASTER, _FEWER = ("smaller", "larger"), ("faster", "slower"), ("fewer", "more")

ACCURACY = Metric("accuracy", "Held-out accuracy", "%", 0.01, 2, "max")
TEST_ACCURACY = Metric("test_accuracy", "Test accuracy", "%", 0.01, 2, "max")
LATENCY = Metric("latency_ms", "Latency", "ms", 1, 3, "min", *_FASTER, traded=True)
PACKED = Metric("packed_bytes", "Packed size", "kB", 1000, 1, "min", *_SMALLER, traded=True)
FILE = Metric("file_bytes", "File size", "kB", 1000, 1, "min", *_SMALLER)
MACS = Metric("macs", "MACs", "M", 1e6, 2, "min", *_FEWER)
BITOPS = Metric("bitops", "Bit-operations", "M", 1e6, 1, "min", *_FEWER, traded=True)
PEAK = Metric("peak_activation_bytes", "Peak activations", "kB", 1000, 1, "min")
PARAMETERS = Metric("parameters", "Parameters", "k", 1000, 1, "min", *_FEWER)
INSTRUCTIONS = Metric("instructions", "Instructions", "M", 1e6, 3, "min", *_FEWER)
CYCLES = Metric("cycles", "Cycles", "k", 1000, 1, "min", *_FEWER)
ENERGY = Metric("energy_uj", "Energy", "µJ", 1, 3, "min", traded=True)
FLASH = Metric("flash_bytes", "Flash", "kB", 1000, 1, "min", *_SMALLER, traded=True)
RAM = Metric("ram_bytes", "RAM", "kB", 1000, 1, "min", *_SMALLER, traded=True)
TFLITE = Metric("tflite_bytes", "TFLite size", "kB", 1000, 1, "min", *_SMALLER)
IR = Metric("ir_bytes", "IR size", "kB", 1000, 1, "min", *_SMALLER)

_OF_ALL = (ACCURACY, LATENCY, PACKED, FILE, MACS, BITOPS, PEAK, PARAMETERS)
_OF_SOME = (INSTRUCTIONS, CYCLES, ENERGY, FLASH, RAM, IR, TFLITE)
EVERYWHERE = tuple(metric.name for metric in _OF_ALL)  # whatever the target is
OF_NETWORKS = frozenset(EVERYWHERE) - {LATENCY.name, FILE.name}  # whoever runs them
METRICS = {metric.name: metric for metric in (*_OF_ALL, *_OF_SOME)}  # all that a study may name

COMPARED = (
    *(TEST_ACCURACY, ACCURACY, PACKED, FILE, LATENCY),
    *(*_OF_SOME, MACS, BITOPS, PEAK, PARAMETERS),
)
_PLACES = {metric.name: at for at, metric in enumerate(COMPARED)}


def on(name: str, target: str) -> str:
    """The metric's name where it is that of one target among several."""
    return f"{name}{ON}{target}"


def known(name: str) -> Metric:
    """The metric of that name; one that is not known here is a plain number, better if smaller."""
    plain, at, target = name.partition(ON)
    ours = next((metric for metric in COMPARED if metric.name == plain), None)
    found = ours or Metric(plain, plain.replace("_", " ").capitalize())
    if not at:
        return found
    return dataclasses.replace(found, name=name, title=f"{found.title} on {target}")


def ordered(names: Iterable[str]) -> tuple[Metric, ...]:
    """The metrics of these names in the order they are shown, those of several targets together."""

    def place(name: str) -> int:
        return _PLACES.get(name.partition(ON)[0], len(_PLACES))

    return tuple(known(name) for name in sorted(dict.fromkeys(names), key=place))


def traded(names: Iterable[str]) -> tuple[Metric, ...]:
    """Those of them that are drawn against accuracy."""
    return tuple(metric for metric in ordered(names) if metric.traded)


def compared(entries: "Iterable[Entry | None]") -> tuple[Metric, ...]:
    """All metrics that any of the entries has, in the order they are shown."""
    return ordered(name for entry in entries if entry for name in entry.measured)
