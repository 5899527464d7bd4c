"""Draws docs/pareto.svg: accuracy against packed size in the committed demo run.

    .venv/bin/python docs/plot_pareto.py

Plain SVG without any library: the same bytes for the same results, so that a test can hold it.
"""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks/results/fashion-mnist-demo.json"
PICTURE = DOCS / "pareto.svg"

WIDTH, HEIGHT = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 56, 90
BLUE, GREEN, RED, BLACK, GREY = "#0072B2", "#009E73", "#D55E00", "#222222", "#DDDDDD"
DIAMOND = "M0,-8 L8,0 L0,8 L-8,0 Z"
STAR = (
    "M"
    + " L".join(
        f"{r * math.sin(math.pi * i / 5):.2f},{-r * math.cos(math.pi * i / 5):.2f}"
        for i, r in enumerate([12, 5] * 5)
    )
    + " Z"
)

Point = tuple[float, float]  # kB, percent


@dataclasses.dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers laid over a stretch of pixels, with its round ticks."""

    ticks: tuple[float, ...]
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Axis":
        """The axis whose ticks enclose all values."""
        span = max(values) - min(values) or 1.0
        step = 10 ** math.floor(math.log10(span / 5))
        step *= next(times for times in (1, 2, 5, 10) if span / (times * step) <= 7)
        first, last = math.floor(min(values) / step), math.ceil(max(values) / step)
        return cls(tuple(step * n for n in range(first, last + 1)), start, end)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        part = (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return self.start + part * (self.end - self.start)


def draw(results: Mapping[str, Any]) -> str:
    """The picture of a study's JSON object as SVG text."""
    trials = [_point(entry) for entry in results["pareto"]]
    marks = [
        (name, _point(results[key]), shape, colour)
        for key, name, shape, colour in (
            ("baseline", "8-bit baseline", DIAMOND, BLACK),
            ("final", "winner", STAR, RED),
        )
        if results[key] is not None
    ]
    points = trials + [point for _, point, _, _ in marks]
    x = Axis.over([0.0, *(size for size, _ in points)], LEFT, WIDTH - RIGHT)
    y = Axis.over([accuracy for _, accuracy in points], HEIGHT - BOTTOM, TOP)
    parts = [*_frame(x, y), _front(trials, x, y)]
    for size, accuracy in trials:
        parts.append(
            f'<circle cx="{x.at(size):.1f}" cy="{y.at(accuracy):.1f}" r="5" fill="{BLUE}" '
            'fill-opacity="0.6"/>'
        )
    parts += _marks(marks, x, y)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="13" fill="{BLACK}">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _point(entry: Mapping[str, Any]) -> Point:
    return entry["packed_bytes"] / 1000, 100 * entry["accuracy"]


def _frame(x: Axis, y: Axis) -> Iterator[str]:
    yield (
        f'<text x="{LEFT}" y="22" font-size="15" font-weight="bold">'
        "Accuracy on held-out images against packed size</text>"
    )
    yield (
        f'<text x="{LEFT}" y="41">dots: trials that no other beats in every metric, after their '
        "short training; line: the best at each size</text>"
    )
    for tick in y.ticks:
        at = y.at(tick)
        yield f'<path d="M{LEFT},{at:.1f} H{WIDTH - RIGHT}" stroke="{GREY}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g} %</text>'
    for tick in x.ticks:
        at = x.at(tick)
        yield f'<path d="M{at:.1f},{TOP} V{HEIGHT - BOTTOM}" stroke="{GREY}"/>'
        yield (
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{tick:g} kB</text>'
        )
    yield (
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 42}" text-anchor="middle">'
        "packed size (smaller is better)</text>"
    )


def _front(trials: Sequence[Point], x: Axis, y: Axis) -> str:
    """The steps along the most accurate trial of each size."""
    path: list[str] = []
    best = -math.inf
    for size, accuracy in sorted(trials, key=lambda point: (point[0], -point[1])):
        if accuracy > best:
            move = f"H{x.at(size):.1f} V" if path else f"M{x.at(size):.1f},"
            path.append(f"{move}{y.at(accuracy):.1f}")
            best = accuracy
    return f'<path d="{" ".join(path)}" fill="none" stroke="{GREEN}" stroke-width="2"/>'


def _marks(marks: Sequence[tuple[str, Point, str, str]], x: Axis, y: Axis) -> Iterator[str]:
    """The two networks, and below the picture what they are."""
    for column, (name, point, shape, colour) in enumerate(marks):
        yield _placed(shape, colour, x.at(point[0]), y.at(point[1]))
        across, up = LEFT + 90 + 300 * column, HEIGHT - 20
        yield _placed(shape, colour, across, up)
        yield (
            f'<text x="{across + 18}" y="{up + 5}" font-weight="bold" fill="{colour}">'
            f"{escape(name)}: {point[1]:.2f} %, {point[0]:.1f} kB</text>"
        )


def _placed(shape: str, colour: str, across: float, up: float) -> str:
    return f'<path d="{shape}" transform="translate({across:.1f},{up:.1f})" fill="{colour}"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")
