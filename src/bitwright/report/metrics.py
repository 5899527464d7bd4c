"""The metrics a reader is shown: their order, units and words, the same in terminal and report."""

import dataclasses
import math

from bitwright.report.pareto import Direction
from bitwright.report.wording import MISSING, PLUS_MINUS, TIMES, kind_words
from bitwright.study.view import Entry


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is shown: `value / per` in `unit` with so many decimals.

    `name` is the attribute of an `Entry` and the key of an `Outcome`'s metrics, `spread` the
    attribute that holds how far single measurements lie apart. `less` and `more` say what a network
    is that has less or more of it.
    """

    name: str
    title: str
    unit: str
    per: float
    decimals: int
    better: Direction
    less: str = "less"
    more: str = "more"
    spread: str | None = None

    def scaled(self, value: float) -> float:
        """The value in `unit`."""
        return value / self.per

    def show(self, value: float | None) -> str:
        """The value with its unit; a dash where it is unknown."""
        if value is None or not math.isfinite(value):
            return MISSING
        return f"{self.scaled(value):,.{self.decimals}f} {self.unit}".rstrip()

    def tell(self, entry: Entry | None) -> str:
        """The entry's value, with its spread where there is one: "0.085 ± 0.002 ms"."""
        shown = self.show(getattr(entry, self.name, None))
        spread = getattr(entry, self.spread, None) if self.spread else None
        if spread is None or shown == MISSING:
            return shown
        value = shown.removesuffix(f" {self.unit}")
        return f"{value} {PLUS_MINUS} {self.show(spread)}"

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


ACCURACY = Metric("accuracy", "Held-out accuracy", "%", 0.01, 2, "max")
TEST_ACCURACY = Metric("test_accuracy", "Test accuracy", "%", 0.01, 2, "max")
PACKED = Metric("packed_bytes", "Packed size", "kB", 1000, 1, "min", "smaller", "larger")
FILE = Metric("file_bytes", "File size", "kB", 1000, 1, "min", "smaller", "larger")
LATENCY = Metric(
    "latency_ms", "Latency", "ms", 1, 3, "min", "faster", "slower", spread="latency_spread_ms"
)
MACS = Metric("macs", "MACs", "M", 1e6, 2, "min", "fewer", "more")
BITOPS = Metric("bitops", "Bit-operations", "M", 1e6, 1, "min", "fewer", "more")
PEAK = Metric("peak_activation_bytes", "Peak activations", "kB", 1000, 1, "min")

COMPARED = (TEST_ACCURACY, ACCURACY, PACKED, FILE, LATENCY, MACS, BITOPS, PEAK)
COSTS = (PACKED, LATENCY, BITOPS)  # each is plotted against accuracy


def known(name: str) -> Metric:
    """The metric of that name; one that is not known here is shown as the plain number it is."""
    found = next((metric for metric in COMPARED if metric.name == name), None)
    return found or Metric(name, kind_words(name).capitalize(), "", 1, 3, "min")
