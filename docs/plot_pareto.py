"""Draws docs/pareto.svg: accuracy against packed size in the committed demo run.

.venv/bin/python docs/plot_pareto.py
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from picture import BLACK, BLUE, DIAMOND, GREEN, GREY, RED, STAR, Axis, Point, placed, steps, svg

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks/results/fashion-mnist-demo.json"
PICTURE = DOCS / "pareto.svg"

WIDTH, HEIGHT = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 56, 90


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
    front = steps(trials, x, y)
    parts = [*_frame(x, y), f'<path d="{front}" fill="none" stroke="{GREEN}" stroke-width="2"/>']
    for size, accuracy in trials:
        parts.append(
            f'<circle cx="{x.at(size):.1f}" cy="{y.at(accuracy):.1f}" r="5" fill="{BLUE}" '
            'fill-opacity="0.6"/>'
        )
    parts += _marks(marks, x, y)
    return svg(WIDTH, HEIGHT, parts, size=13)


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


def _marks(marks: Sequence[tuple[str, Point, str, str]], x: Axis, y: Axis) -> Iterator[str]:
    """The two networks, and below the picture what they are."""
    for column, (name, point, shape, colour) in enumerate(marks):
        yield placed(shape, colour, x.at(point[0]), y.at(point[1]))
        across, up = LEFT + 90 + 300 * column, HEIGHT - 20
        yield placed(shape, colour, across, up)
        yield (
            f'<text x="{across + 18}" y="{up + 5}" font-weight="bold" fill="{colour}">'
            f"{escape(name)}: {point[1]:.2f} %, {point[0]:.1f} kB</text>"
        )


if __name__ == "__main__":
    PICTURE.write_text(draw(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")
