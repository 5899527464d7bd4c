"""A network drawn unit by unit as inline SVG: block width is channels, colour is bits."""

import textwrap
from collections.abc import Sequence
from html import escape

from bitwright.quant.spec import ROLES, Method
from bitwright.records import Policy, UnitSpec
from bitwright.report import wording

# ColorBrewer's YlGnBu, 1 to 8 bits: light to dark, told apart with any kind of colour vision.
PALETTE = (
    "#ffffd0",
    "#e3f4b0",
    "#bde4b5",
    "#7fcdbb",
    "#41b6c4",
    "#1d91c0",
    "#225ea8",
    "#0c2c84",
)
FLOAT_COLOUR, NOTHING_COLOUR = "#5b6470", "#ffffff"
_WIDTH, _AXIS, _TEXT = 400, 74, 152  # of the drawing; where the data flows; where labels begin
_LINE, _BLOCK, _GAP, _END = 17, 46, 22, 30
_NARROWEST, _WIDEST = 26, 132
_CHARACTERS = 36  # that fit on a line
_EDGE = "#3a424c"


def draw(units: Sequence[UnitSpec], policy: Policy) -> str:
    """The network from input to logits as one `<svg>` element, 400 units wide."""
    widths = _channels(units)
    top, flow = _END, None
    parts = [_end("input", 0), _wire(_END - 8, _END, None)]
    for index, (unit, width) in enumerate(zip(units, widths, strict=True)):
        lines = _lines(unit, policy)
        bottom = top + max(_BLOCK, _LINE * len(lines)) + _GAP
        out = wording.method_of(policy, unit, "activation") or flow
        block = round(_NARROWEST + (_WIDEST - _NARROWEST) * width / max(widths))
        parts += [
            f"<g><title>{escape(', '.join((unit.path, *wording.unit_words(unit))))}</title>",
            _wire(top, bottom, out if index + 1 < len(units) else None),
            _shortcut(top) if unit.kind == "residual" else "",
            _block(wording.method_of(policy, unit, "weight"), top, block),
            *(_label(line, top + 9 + _LINE * row) for row, line in enumerate(lines)),
            "</g>",
        ]
        top, flow = bottom, out
    parts.append(_end("logits", top))
    return (
        f'<svg class="network" viewBox="0 0 {_WIDTH} {top + _END}" role="img" '
        f'aria-label="The network, {len(units)} units from input to logits">{"".join(parts)}</svg>'
    )


def legend() -> str:
    """The colours of the bit widths, as an HTML list."""
    names = [(str(bits), colour) for bits, colour in enumerate(PALETTE, start=1)]
    names += [("float", FLOAT_COLOUR), ("nothing to quantize", NOTHING_COLOUR)]
    items = (f'<li><i style="background:{colour}"></i>{name}</li>' for name, colour in names)
    return f'<ul class="legend"><li>bits:</li>{"".join(items)}</ul>'


def _channels(units: Sequence[UnitSpec]) -> list[int]:
    """The width of each unit; one that sets none has that of the unit before."""
    widths: list[int] = []
    for unit in units:
        widths.append(max(1, unit.integer("width", widths[-1] if widths else 1)))
    return widths


def _block(weight: Method | None, top: int, wide: int) -> str:
    dash = ' stroke-dasharray="4 3"' if weight is None else ""
    return (
        f'<rect x="{_AXIS - wide / 2:g}" y="{top}" width="{wide}" height="{_BLOCK}" rx="6" '
        f'fill="{_colour(weight)}" stroke="{_EDGE}"{dash}/>'
        f'<text x="{_AXIS}" y="{top + _BLOCK // 2 + 6}" class="bits" text-anchor="middle" '
        f'fill="{_ink(weight)}">{weight.bits if weight else ""}</text>'
    )


def _wire(top: int, bottom: int, activation: Method | None) -> str:
    """The activations that flow on, as a band in the colour of their bits."""
    return (
        f'<rect x="{_AXIS - 5}" y="{top}" width="10" height="{bottom - top}" '
        f'fill="{_colour(activation)}" stroke="{_EDGE}"/>'
    )


def _shortcut(top: int) -> str:
    """The way around a residual unit, on its left."""
    start, end, far = top - 10, top + _BLOCK + 12, 3
    return (
        f'<path d="M {_AXIS - 5} {start} H {far + 8} Q {far} {start} {far} {start + 8} '
        f'V {end - 8} Q {far} {end} {far + 8} {end} H {_AXIS - 5}" fill="none" '
        f'stroke="{_EDGE}" stroke-width="1.5"/>'
    )


def _lines(unit: UnitSpec, policy: Policy) -> list[tuple[str, str, Method | None]]:
    """What is written beside a block: style, text, and the method whose colour it explains."""
    kind, details = wording.unit_words(unit)
    lines: list[tuple[str, str, Method | None]] = [("path", unit.path, None), ("head", kind, None)]
    lines += [("line", part, None) for part in textwrap.wrap(details, _CHARACTERS)]
    for role in ROLES:
        method = wording.method_of(policy, unit, role)
        if method is not None:
            text = f"{role[0]}: {wording.short_method(str(method), role)}"
            lines.append(("line", text, method))
    return lines


def _label(line: tuple[str, str, Method | None], baseline: int) -> str:
    css, text, method = line
    left, swatch = _TEXT, ""
    if method is not None:
        swatch = (
            f'<rect x="{left}" y="{baseline - 10}" width="12" height="12" rx="2" '
            f'fill="{_colour(method)}" stroke="{_EDGE}"/>'
        )
        left += 18
    shown = text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 3] + "..."
    return f'{swatch}<text x="{left}" y="{baseline}" class="{css}">{escape(shown)}</text>'


def _end(name: str, top: int) -> str:
    return f'<text x="{_AXIS}" y="{top + 16}" class="end" text-anchor="middle">{name}</text>'


def _colour(method: Method | None) -> str:
    if method is None:
        return NOTHING_COLOUR
    return PALETTE[method.bits - 1] if method.quantized else FLOAT_COLOUR


def _ink(method: Method | None) -> str:
    dark = method is not None and method.bits >= 6
    return "#ffffff" if dark else "#1b1f24"
