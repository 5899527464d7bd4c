"""Draws docs/transforms/NAME.svg: the levels and gradients of every transform, from the real code.

    .venv/bin/python docs/draw_transforms.py

Each quantizer is fitted to 4096 normal numbers (activations: to those a ReLU gives), then asked for
the value and the gradients at each point of a line. Plain SVG without any library.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
import torch
from picture import BLACK, BLUE, GREEN, GREY, RED, svg
from torch import Tensor

from bitwright.quant.names import TRANSFORMS, traits_of
from bitwright.quant.spec import Method, Role
from bitwright.quant.transforms import Place, Quantizer, transform_of

PICTURES = Path(__file__).parent / "transforms"
WIDTH, HEIGHT, TOP, BOTTOM = 760, 250, 44, 34
LEFT, GAP, PANEL = 34, 36, 214  # of the three panels
REACH, POINTS = 3.5, 351
SHOWN_BITS = 3  # of the curves, or what is nearest among the widths there are
RUG_BITS = (1, 2, 3, 4, 6)


@dataclasses.dataclass(frozen=True, slots=True)
class Curves:
    """A quantizer on a line: its value, and its gradients for x and for what it learns."""

    x: list[float]
    value: list[float]
    to_x: list[float]
    to_learned: list[float] | None


def role_of(name: str) -> Role:
    """The role that is drawn: weights where the transform has them."""
    return "weight" if traits_of(name).weights else "activation"


def fitted(name: str, bits: int) -> Quantizer:
    """The quantizer after its first tensor."""
    role = role_of(name)
    place = Place(Method(name, bits, per_channel=False), role, signed=role == "weight", channels=1)
    sample = torch.randn(1, 4096, generator=torch.Generator().manual_seed(0))
    quantizer = transform_of(place.method).quantizer(place).eval()
    quantizer(sample if role == "weight" else sample.relu())
    quantizer.damping = 1.0
    return quantizer


def curves(quantizer: Quantizer) -> Curves:
    """The quantizer's values and gradients from -REACH to REACH."""
    x = torch.linspace(-REACH, REACH, POINTS).view(1, -1).requires_grad_()
    out = quantizer(x)
    learned = list(quantizer.parameters())
    to_x = torch.autograd.grad(out.sum(), x, retain_graph=True)[0]
    to_learned = None
    if learned:
        each = (torch.autograd.grad(value, learned, retain_graph=True)[0] for value in out[0])
        to_learned = [float(slope) for slope in each]
    return Curves(_numbers(x), _numbers(out), _numbers(to_x), to_learned)


def _numbers(x: Tensor) -> list[float]:
    return [float(value) for value in x.detach().flatten()]


def levels(name: str, bits: int) -> list[float]:
    """The real levels of the fitted quantizer."""
    grid = fitted(name, bits).grid()
    codes = np.arange(grid.low, grid.high + 1) if grid.levels is None else grid.levels
    return [float(level) for level in (codes - grid.zero_point) * grid.scale]


def draw(name: str) -> str:
    """The picture of one transform."""
    role = role_of(name)
    widths = traits_of(name).bits(role)
    bits = min(widths, key=lambda width: abs(width - SHOWN_BITS))
    found = curves(fitted(name, bits))
    parts = [*_rug(name, [width for width in RUG_BITS if width in widths])]
    value = f"value at {bits} bits" if bits > 1 else "value at 1 bit"
    parts += _panel(1, value, found.x, [("", found.value, BLUE)], identity=True)
    slopes = [("of x", found.to_x, GREEN)]
    if found.to_learned is not None:
        slopes.append(("of the learned logarithm", found.to_learned, RED))
    parts += _panel(2, "gradient", found.x, slopes)
    title = f"{name}: {role}s that start as normal numbers{' after a ReLU' * (role != 'weight')}"
    heading = f'<text x="{LEFT}" y="17" font-size="13" font-weight="bold">{escape(title)}</text>'
    return svg(WIDTH, HEIGHT, [heading, *parts], size=11)


def _across(panel: int, x: float) -> float:
    return LEFT + panel * (PANEL + GAP) + (x + REACH) / (2 * REACH) * PANEL


def _up(y: float) -> float:
    """The height of a value; -REACH to REACH fill the panel."""
    return HEIGHT - BOTTOM - (y + REACH) / (2 * REACH) * (HEIGHT - BOTTOM - TOP)


def _frame(panel: int, title: str) -> Iterator[str]:
    left, right = _across(panel, -REACH), _across(panel, REACH)
    yield f'<text x="{left:.0f}" y="{TOP - 9}">{escape(title)}</text>'
    for tick in (-3, -2, -1, 0, 1, 2, 3):
        at = _across(panel, tick)
        yield f'<path d="M{at:.1f},{TOP} V{HEIGHT - BOTTOM}" stroke="{GREY}"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{tick}</text>'
    middle = (left + right) / 2
    yield f'<text x="{middle:.0f}" y="{HEIGHT - 5}" text-anchor="middle">x</text>'


def _rug(name: str, widths: Sequence[int]) -> Iterator[str]:
    """The levels of several widths, one line each."""
    yield from _frame(0, "levels")
    room = (HEIGHT - BOTTOM - TOP) / max(1, len(widths))
    for row, bits in enumerate(widths):
        middle = TOP + room * (row + 0.5)
        yield (f'<text x="{LEFT - 6}" y="{middle + 4:.1f}" text-anchor="end">{bits} b</text>')
        half = min(13.0, room / 2 - 3)
        marks = " ".join(
            f"M{_across(0, level):.2f},{middle - half:.1f} v{2 * half:.1f}"
            for level in levels(name, bits)
            if abs(level) <= REACH
        )
        yield f'<path d="{marks}" stroke="{BLUE}" stroke-width="1.2"/>'


def _panel(
    panel: int,
    title: str,
    x: Sequence[float],
    lines: Sequence[tuple[str, Sequence[float], str]],
    *,
    identity: bool = False,
) -> Iterator[str]:
    """Curves over x, with their names under the title."""
    yield from _frame(panel, title)
    left, right = _across(panel, -REACH), _across(panel, REACH)
    for tick in (-3, -2, -1, 0, 1, 2, 3):
        yield f'<path d="M{left:.1f},{_up(tick):.1f} H{right:.1f}" stroke="{GREY}"/>'
        yield (f'<text x="{left - 4:.1f}" y="{_up(tick) + 4:.1f}" text-anchor="end">{tick}</text>')
    if identity:
        ends = f"M{left:.1f},{_up(-REACH):.1f} L{right:.1f},{_up(REACH):.1f}"
        yield f'<path d="{ends}" stroke="{BLACK}" stroke-opacity="0.35" stroke-dasharray="3 3"/>'
    for row, (name, values, colour) in enumerate(lines):
        points = " L".join(
            f"{_across(panel, at):.2f},{_up(max(-REACH, min(REACH, value))):.2f}"
            for at, value in zip(x, values, strict=True)
        )
        yield f'<path d="M{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        if name:
            place = f'x="{left + 58 + 44 * row:.0f}" y="{TOP - 9}"'
            yield f'<text {place} fill="{colour}">{escape(name)}</text>'


def main() -> None:
    """Draws all of them."""
    PICTURES.mkdir(exist_ok=True)
    for name in TRANSFORMS:
        (PICTURES / f"{name}.svg").write_text(draw(name), encoding="utf-8")


if __name__ == "__main__":
    main()
