"""Fills the controllers' section of results.md and draws controllers.svg, from the result file.

.venv/bin/python docs/results_controllers.py
"""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from results_page import ROOT, Section

SECTION = Section("controllers")
PICTURE = ROOT / "docs/controllers.svg"
TOLD = (50, 100)  # evaluations whose regret the tables tell, besides the last
LOWEST, HIGHEST = 0.005, 5.0  # points of regret at the picture's edges; 0 stands at the lower one
COLOURS = ("#777777", "#1f77b4", "#2ca02c", "#d62728", "#ff7f0e", "#9467bd", "#17becf")
WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 210, 44, 30, 52
INTRODUCTION = (
    "How far the best candidate found lies below the best there is, in points (hundredths of the "
    "reward; where accuracy alone counts, points of accuracy): the mean over the seeds after so "
    "many evaluations, on tables of networks that were really trained (`benchmarks/nas_tables.py` "
    "tells their rewards). *Best found* is the part of the seeds that found the best of all, *p* "
    "the chance of such a lead over `random` by luck (Mann-Whitney, one-sided, at the end). "
    "Controllers run with their defaults; `nsga` strives for the metrics that the reward is made "
    "of. Optuna TPE and Optuna NSGA-II are Optuna's own samplers in Optuna's own loop, one trial "
    "after the other; all others propose four candidates at a time."
)


def block(results: Mapping[str, Any]) -> str:
    """The page's section: words, picture, and a table for each table."""
    wanted, at = results["seeds"], results["evaluations"]
    parts = [
        "\n".join(textwrap.wrap(INTRODUCTION, 116)),
        f"![Regret against evaluations on {len(results['tables'])} tables]({PICTURE.name})",
    ]
    for table in results["tables"].values():
        parts.append(f"**{table['title']}.**")
        parts.append("\n".join(_table(table["contenders"], at, wanted)))
    return SECTION.of(parts)


def _table(contenders: Mapping[str, Any], at: Sequence[int], wanted: int) -> Iterator[str]:
    told = " | ".join(f"after {evaluations}" for evaluations in TOLD)
    yield f"| controller | {told} | after {at[-1]} (95 % interval) | best found | p | seeds |"
    yield "|---|" + "---|" * (len(TOLD) + 4)
    for name, found in contenders.items():
        regret = dict(zip(at, found["regret"], strict=True))
        cells = [f"{regret[evaluations]:.2f}" for evaluations in TOLD]
        cells.append(f"{regret[at[-1]]:.3f} ({found['low'][-1]:.3f} to {found['high'][-1]:.3f})")
        cells += [f"{found['found_the_best']:.0%}", _chance(found["p_against_random"])]
        missing = f" of {wanted}" if found["seeds"] < wanted else ""
        yield f"| {name} | {' | '.join(cells)} | {found['seeds']}{missing} |"


def _chance(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.0e}" if p < 0.001 else f"{p:.3f}"


def draw(results: Mapping[str, Any]) -> str:
    """A panel for each table: mean regrets and their 95 % bands, on a logarithmic axis."""
    colours = dict(zip(results["options"], COLOURS, strict=True))
    width = len(results["tables"]) * (WIDTH + GAP) + LEFT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 90}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, table in enumerate(results["tables"].values()):
        panel = Panel(LEFT + number * (WIDTH + GAP), results["evaluations"])
        parts += panel.frame(table["title"])
        for name, found in table["contenders"].items():
            parts += panel.curve(found, colours[name])
    for number, (name, colour) in enumerate(colours.items()):
        x, y = LEFT + number % 4 * 180, TOP + HEIGHT + 38 + number // 4 * 16
        parts.append(f'<rect x="{x}" y="{y - 8}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


class Panel:
    """One set of axes, whose left edge lies at `left`."""

    def __init__(self, left: int, evaluations: Sequence[int]) -> None:
        self.left, self.evaluations = left, evaluations

    def frame(self, title: str) -> Iterator[str]:
        """The axes with their words."""
        yield f'<text x="{self.left}" y="{TOP - 12}" font-weight="bold">{escape(title)}</text>'
        yield (
            f'<rect x="{self.left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" '
            'stroke="#999"/>'
        )
        for regret in (0.01, 0.1, 1.0):
            y = self._y(regret)
            yield f'<path d="M{self.left} {y:.1f}h{WIDTH}" stroke="#ddd"/>'
            yield f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{regret:g}</text>'
        for at in (50, 100, 150, 200):
            place = f'x="{self._x(at):.1f}" y="{TOP + HEIGHT + 14}"'
            yield f'<text {place} text-anchor="middle">{at}</text>'

    def curve(self, found: Mapping[str, Any], colour: str) -> Iterator[str]:
        """The band and the line of one controller."""
        high, low, mean = (self._path(found[key]) for key in ("high", "low", "regret"))
        band = " ".join([*high, *reversed(low)])
        yield f'<polygon points="{band}" fill="{colour}" opacity="0.13"/>'
        line = f'fill="none" stroke="{colour}" stroke-width="1.6"'
        yield f'<polyline points="{" ".join(mean)}" {line}/>'

    def _path(self, regrets: Sequence[float]) -> list[str]:
        pairs = zip(self.evaluations, regrets, strict=True)
        return [f"{self._x(at):.1f},{self._y(regret):.1f}" for at, regret in pairs]

    def _x(self, at: int) -> float:
        first, last = self.evaluations[0], self.evaluations[-1]
        return self.left + WIDTH * (at - first) / (last - first)

    @staticmethod
    def _y(regret: float) -> float:
        shown = min(max(regret, LOWEST), HIGHEST)
        return TOP + HEIGHT * (1 - math.log(shown / LOWEST) / math.log(HIGHEST / LOWEST))


if __name__ == "__main__":
    PICTURE.write_text(draw(SECTION.read()), encoding="utf-8")
    SECTION.rewrite(block)
