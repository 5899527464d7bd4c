"""Fills the section on transforms in docs/results.md, and draws its picture, from the benchmark.

    .venv/bin/python docs/results_transforms.py

Every number comes from benchmarks/results/transforms.json; a test holds the page to it.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from picture import BLACK, GREY, Axis, placed, svg
from results_page import ROOT, Section

from bitwright.quant.names import traits_of

SECTION = Section("transforms")
PICTURE = ROOT / "docs/transforms/accuracy.svg"
WIDTHS = (8, 4, 3, 2, 1)
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 10: 2.26}  # 97.5 % quantile for so many seeds
SEEDS = 3  # of the table; the promise has more
FLOOR = 70.0  # percent: what lies lower is drawn on it, so that the others lie apart
PROMISED = 0.5  # points that LSQ may lie below full precision at 4 bits
LINES = {
    "lsq": ("#D55E00", "M-4,-4 h8 v8 h-8 Z"),
    "uniform": ("#222222", "M0,-5 L5,4 h-10 Z"),
    "affine": ("#777777", "M0,5 L5,-4 h-10 Z"),
    "power_of_two": ("#009E73", "M0,-5 L5,0 L0,5 L-5,0 Z"),
    "pact": ("#0072B2", "M-4,-4 h8 v8 h-8 Z"),
    "dorefa": ("#56B4E9", "M0,-5 L5,4 h-10 Z"),
    "apot": ("#CC79A7", "M0,-5 L5,0 L0,5 L-5,0 Z"),
    "logarithmic": ("#7B4EA3", "M0,5 L5,-4 h-10 Z"),
    "codebook": ("#E69F00", "M-4,-4 h8 v8 h-8 Z"),
    "ternary": ("#8C564B", "M0,-6 L6,0 L0,6 L-6,0 Z"),
    "binary": ("#000000", "M-5,-5 h10 v10 h-10 Z"),
}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 60, 150, 44, 44

Runs = Sequence[Mapping[str, Any]]


class Table:
    """The runs by transform, width and seed, in percent."""

    def __init__(self, runs: Runs) -> None:
        self._found = {
            (run["transform"], run["bits"], run["seed"]): 100 * run["test_accuracy"] for run in runs
        }
        self.all_seeds = sorted(seed for name, _, seed in self._found if name == "none")
        self.seeds = self.all_seeds[:SEEDS]
        self.pairs = {(run["transform"], run["bits"]): run for run in runs if self._whole(run)}

    def _whole(self, run: Mapping[str, Any]) -> bool:
        """Whether the run's method has every seed: until the benchmark ends, not all have."""
        return all((run["transform"], run["bits"], seed) in self._found for seed in self.seeds)

    def accuracy(self, name: str, bits: int) -> float:
        """The mean over the seeds."""
        return statistics.fmean(self._found[name, bits, seed] for seed in self.seeds)

    def loss(self, name: str, bits: int, seeds: Sequence[int] | None = None) -> tuple[float, float]:
        """Points above full precision from the same seeds, and half the 95 % interval."""
        apart = [
            self._found[name, bits, seed] - self._found["none", 32, seed]
            for seed in seeds or self.seeds
        ]
        spread = statistics.stdev(apart) / math.sqrt(len(apart)) * STUDENT[len(apart)]
        return statistics.fmean(apart), spread

    def cell(self, name: str, bits: int) -> str:
        """A cell of the page's table; empty where there is no such method."""
        traits = traits_of(name)
        if bits not in traits.weights + traits.activations:
            return ""
        if (name, bits) not in self.pairs:
            return "not run yet"
        mean, spread = self.loss(name, bits)
        return f"{self.accuracy(name, bits):.1f} ({mean:+.1f} ± {spread:.1f})"


def block(results: Mapping[str, Any]) -> str:
    """The page's section."""
    table = Table(results["runs"])
    budget, machine = results["budget"], results["machine"]
    rows = [
        f"| `{name}` | " + " | ".join(table.cell(name, bits) for bits in WIDTHS) + " |"
        for name in LINES
    ]
    where = ", ".join(f"{name} {value}" for name, value in machine.items())
    widths = " | ".join(f"{bits} bit{'s' * (bits > 1)}" for bits in WIDTHS)
    return SECTION.of(
        [
            f"One network ({_network(results)}) on {results['data']}, every layer's weights and "
            f"activations under the transform, {budget['images']} training images, "
            f"{budget['epochs']:g} epochs, {len(table.seeds)} seeds. In full precision, from the "
            f"same seeds, it classifies {table.accuracy('none', 32):.1f} % of the 10,000 test "
            "images rightly. Each cell: the mean accuracy in percent and, in parentheses, the "
            "points above full precision with half of the 95 % confidence interval, seed by seed.",
            *_promise(table),
            "\n".join([f"| transform | {widths} |", "|---" * (1 + len(WIDTHS)) + "|", *rows]),
            f"Paired with `{results['stand_in']}` of the same width where they have no part in a "
            "role or lack a width: " + ", ".join(_stand_ins(table)) + ". 1-bit weights of "
            "`dorefa` are `binary`'s, as in its paper.",
            "![Accuracy under each transform at 8, 4, 3, 2 and 1 bits](transforms/accuracy.svg)",
            f"`make bench-transforms`; ran on: {where}.",
        ]
    )


def _promise(table: Table) -> list[str]:
    """What became of LSQ's promise: with the table's seeds, and with all that were run for it."""
    said = []
    for seeds in dict.fromkeys((tuple(table.seeds), tuple(table.all_seeds))):
        mean, spread = table.loss("lsq", 4, seeds)
        kept = "within" if mean >= -PROMISED else "not within"
        said.append(
            f"LSQ at 4 bits is {abs(mean):.2f} ± {spread:.2f} points "
            f"{'below' if mean < 0 else 'above'} full precision with {len(seeds)} seeds: {kept} "
            f"the {PROMISED} points that this benchmark is meant to hold."
        )
    return said


def _network(results: Mapping[str, Any]) -> str:
    """The stages in words."""
    parts = [
        f"{stage['kinds']} of {stage['width']}, stride {stage.get('stride', 1)}"
        for stage in results["network"]
    ]
    return "; ".join(parts)


def _stand_ins(table: Table) -> Iterator[str]:
    """Which role of which transform another one filled."""
    for name in LINES:
        for role in ("weights", "activations"):
            bits = [
                str(run["bits"])
                for (one, _), run in sorted(table.pairs.items(), key=lambda pair: -pair[0][1])
                if one == name and not run[role].startswith((name, "binary"))
            ]
            if bits:
                yield f"{role} of `{name}` ({', '.join(bits)})"


def draw(results: Mapping[str, Any]) -> str:
    """The picture: accuracy against width, a line for each transform."""
    table = Table(results["runs"])
    full = table.accuracy("none", 32)
    values = [max(FLOOR, table.accuracy(*pair)) for pair in table.pairs]
    y = Axis.over([FLOOR, *values], HEIGHT - BOTTOM, TOP)
    parts = [*_frame(y)]
    at = y.at(full)
    parts.append(
        f'<path d="M{LEFT},{at:.1f} H{WIDTH - RIGHT}" stroke="{BLACK}" stroke-dasharray="5 4"/>'
        f'<text x="{WIDTH - RIGHT + 12}" y="{TOP - 12}">dashed: full precision</text>'
    )
    for row, (name, (colour, mark)) in enumerate(LINES.items()):
        points = [
            (_across(bits), y.at(max(FLOOR, table.accuracy(name, bits))))
            for bits in WIDTHS
            if (name, bits) in table.pairs
        ]
        if len(points) > 1:
            line = " L".join(f"{across:.1f},{up:.1f}" for across, up in points)
            parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        legend = (WIDTH - RIGHT + 18, TOP + 12 + 24 * row)
        parts += [placed(mark, colour, *place) for place in (*points, legend)]
        parts.append(f'<text x="{legend[0] + 12}" y="{legend[1] + 4}">{name}</text>')
    return svg(WIDTH, HEIGHT, parts)


def _across(bits: int) -> float:
    """The place of a width: one after the other, fewer bits to the right."""
    room = (WIDTH - RIGHT - LEFT) / len(WIDTHS)
    return LEFT + room * (WIDTHS.index(bits) + 0.5)


def _frame(y: Axis) -> Iterator[str]:
    title = f"Accuracy by width; on the lowest line: {FLOOR:.0f} % or less"
    yield f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{title}</text>'
    for tick in y.ticks:
        at = y.at(tick)
        yield f'<path d="M{LEFT},{at:.1f} H{WIDTH - RIGHT}" stroke="{GREY}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g} %</text>'
    for bits in WIDTHS:
        name = f"{bits} bit{'s' * (bits > 1)}"
        place = f'x="{_across(bits):.1f}" y="{HEIGHT - BOTTOM + 20}"'
        yield f'<text {place} text-anchor="middle">{name}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(SECTION.read()), encoding="utf-8")
    SECTION.rewrite(block)
