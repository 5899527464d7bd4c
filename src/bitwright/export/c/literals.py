"""Numbers and structures as C source."""

import textwrap
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

WIDTH = 100
TYPES = {
    np.dtype(np.uint8): "uint8_t",
    np.dtype(np.int8): "int8_t",
    np.dtype(np.int16): "int16_t",
    np.dtype(np.int32): "int32_t",
}
LOWEST_INT32 = -(2**31)  # C has no such literal: 2147483648 is a long, and then negated


def array(name: str, values: npt.NDArray[np.integer], *, shape: str = "") -> str:
    """A constant array; `shape` says what it is declared with, where that is not its length."""
    head = f"static const {TYPES[values.dtype]} {name}{shape or f'[{values.size}]'} = {{"
    rows = values.reshape(len(values), -1) if values.ndim > 1 else values.reshape(1, -1)
    ends = ("    {", "    },") if values.ndim > 1 else (None, None)
    lines: list[str] = []
    for row in rows.tolist():
        lines += [ends[0]] if ends[0] else []
        lines += _lines(map(_number, row))
        lines += [ends[1]] if ends[1] else []
    return "\n".join([head, *lines, "};"])


def structure(kind: str, name: str, fields: Mapping[str, object]) -> str:
    """A constant structure; a mapping inside is a structure too."""
    return f"static const {kind} {name} = {_braces(fields, 1)};"


def _braces(fields: Mapping[str, object], depth: int) -> str:
    pad = "    " * depth
    lines = [
        f"{pad}.{name} = {_braces(value, depth + 1) if isinstance(value, Mapping) else value},"
        for name, value in fields.items()
    ]
    return "\n".join(["{", *lines, "    " * (depth - 1) + "}"])


def _number(value: int) -> str:
    return f"({LOWEST_INT32 + 1} - 1)" if value == LOWEST_INT32 else str(value)


def _lines(numbers: Iterable[str]) -> list[str]:
    text = ", ".join(numbers)
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def comment(text: str) -> str:
    """The text as a comment: nothing in it can end it."""
    return f"/* {text.replace('*/', '* /').replace('/*', '/ *')} */"
