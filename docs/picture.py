"""Axes, panels and fronts of the pages' pictures.

Plain SVG without any library: the same bytes for the same results, so that tests can hold them.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

BLUE, GREEN, RED, BLACK, GREY = "#0072B2", "#009E73", "#D55E00", "#222222", "#DDDDDD"
DOT = "M-4,0 a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0 Z"
DIAMOND = "M0,-8 L8,0 L0,8 L-8,0 Z"
STAR = (
    "M"
    + " L".join(
        f"{r * math.sin(math.pi * i / 5):.2f},{-r * math.cos(math.pi * i / 5):.2f}"
        for i, r in enumerate([12, 5] * 5)
    )
    + " Z"
)

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers laid over a stretch of pixels, with its ticks."""

    ticks: tuple[float, ...]
    start: float
    end: float
    logarithmic: bool = False

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Axis":
        """The axis whose round ticks enclose all values."""
        span = max(values) - min(values) or 1.0
        step = 10 ** math.floor(math.log10(span / 5))
        step *= next(times for times in (1, 2, 5, 10) if span / (times * step) <= 7)
        first, last = math.floor(min(values) / step), math.ceil(max(values) / step)
        last = max(last, first + 1)
        return cls(tuple(step * n for n in range(first, last + 1)), start, end)

    @classmethod
    def decades(cls, values: Sequence[float], start: float, end: float) -> "Axis":
        """The logarithmic axis whose ticks, 1, 2 and 5 of each decade, enclose all values."""
        first, last = (math.floor(math.log10(value)) for value in (min(values), max(values)))
        steps = [part * 10.0**n for n in range(first, last + 2) for part in (1, 2, 5)]
        low = max(step for step in steps if step <= min(values))
        high = min(step for step in steps if step >= max(values) and step > low)
        return cls(tuple(step for step in steps if low <= step <= high), start, end, True)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            part = math.log(value / low) / math.log(high / low)
        else:
            part = (value - low) / (high - low)
        return self.start + part * (self.end - self.start)


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """Two axes, a title above them and their units; what it draws lies between their ends."""

    title: str
    x: Axis
    y: Axis
    x_unit: str
    y_unit: str = ""

    def frame(self) -> Iterator[str]:
        """The title, a line and a number for each tick, the unit below."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        yield f'<text x="{left}" y="{top - 10}" font-weight="bold">{escape(self.title)}</text>'
        for tick in self.y.ticks:
            at = self.y.at(tick)
            yield f'<path d="M{left},{at:.1f} H{right}" stroke="{GREY}"/>'
            text = f"{tick:g}{self.y_unit}"
            yield f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
        for tick in self.x.ticks:
            at = self.x.at(tick)
            yield f'<path d="M{at:.1f},{top} V{bottom}" stroke="{GREY}"/>'
            place = f'x="{at:.1f}" y="{bottom + 15}"'
            yield f'<text {place} text-anchor="middle">{tick:g}</text>'
        middle = f'x="{(left + right) / 2}" y="{bottom + 31}"'
        yield f'<text {middle} text-anchor="middle">{escape(self.x_unit)}</text>'

    def mark(self, point: Point, shape: str, colour: str) -> str:
        """A shape at a point."""
        return placed(shape, colour, self.x.at(point[0]), self.y.at(point[1]))

    def steps(
        self, points: Sequence[Point], colour: str, *, end: float, dashed: bool = False
    ) -> str:
        """A line along the highest point up to each x, on to `end`; nothing without points."""
        if not points:
            return ""
        path = f"{steps(points, self.x, self.y)} H{self.x.at(end):.1f}"
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'


def steps(points: Iterable[Point], x: Axis, y: Axis) -> str:
    """The path along the highest point up to each x."""
    path: list[str] = []
    best = -math.inf
    for across, up in sorted(points, key=lambda point: (point[0], -point[1])):
        if up > best:
            move = f"H{x.at(across):.1f} V" if path else f"M{x.at(across):.1f},"
            path.append(f"{move}{y.at(up):.1f}")
            best = up
    return " ".join(path)


def placed(shape: str, colour: str, across: float, up: float) -> str:
    """A shape at a pixel."""
    return f'<path d="{shape}" transform="translate({across:.1f},{up:.1f})" fill="{colour}"/>'


def legend(colours: Mapping[str, str], *, left: float, up: float, apart: float) -> Iterator[str]:
    """The names with their colours, one beside the other."""
    for column, (name, colour) in enumerate(colours.items()):
        at = left + apart * column
        yield f'<rect x="{at}" y="{up - 6}" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{at + 20}" y="{up}">{escape(name)}</text>'


def svg(width: float, height: float, parts: Iterable[str], *, size: int = 12) -> str:
    """The whole picture, whose letters are `size` pixels high."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{size}" fill="{BLACK}">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )
