"""What an ONNX file says of its layers beside its numbers, so that it can be read back whole.

The operators tell neither a layer's name and unit, nor its methods, nor how wide its grids are.
They stand in the file's metadata as JSON, compressed, since all that a file holds is its size.
"""

import base64
import binascii
import dataclasses
import json
import zlib
from typing import Any

from bitwright.export.integer import Grid, IntegerModel, Layer
from bitwright.graph import Node
from bitwright.quant.spec import ROLES, Method

LAYERS_KEY = "layers"
FORMAT = 1
BY_CHANNEL = "by channel"
BROKEN = (binascii.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError)
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Node)}


@dataclasses.dataclass(frozen=True, slots=True)
class Codes:
    """A grid without what else the file holds of it; `by_channel`: each channel has its levels."""

    bits: int
    low: int
    high: int
    levels: tuple[int, ...] | None = None
    by_channel: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Outline:
    """A layer without its numbers; `weights` and `output` are None where it has no such grid."""

    node: Node
    weights: Codes | None
    output: Codes | None


def describe(model: IntegerModel) -> str:
    """The model's layers as one text."""
    content = {"format": FORMAT, "layers": [_described(layer) for layer in model.layers]}
    text = json.dumps(content, separators=(",", ":"))
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def outlines(text: str) -> tuple[Outline, ...]:
    """The layers that `describe` told of; one of BROKEN for another text."""
    content = json.loads(zlib.decompress(base64.b85decode(text)))
    if content["format"] != FORMAT:
        raise ValueError(f"layers of format {content['format']}; this program reads {FORMAT}")
    return tuple(map(_outline, content["layers"]))


def _described(layer: Layer) -> dict[str, Any]:
    node = layer.node
    fields = {name: getattr(node, name) for name in _DEFAULTS}
    found = {
        name: str(value) if isinstance(value, Method) else value
        for name, value in fields.items()
        if value != _DEFAULTS[name]
    }
    return found | {"codes": _grid(layer.weights), "grid": _grid(layer.output)}


def _grid(grid: Grid | None) -> list[Any] | None:
    if grid is None:
        return None
    ends = [grid.bits, grid.low, grid.high]
    if grid.levels is None:
        return ends
    return [*ends, BY_CHANNEL if grid.levels.ndim > 1 else grid.levels.tolist()]


def _outline(told: dict[str, Any]) -> Outline:
    weights, output = _codes(told.pop("codes")), _codes(told.pop("grid"))
    fields: dict[str, Any] = told
    fields |= {role: Method.parse(told[role], role) for role in ROLES if role in told}
    fields |= {"inputs": tuple(told["inputs"]), "shape": tuple(told["shape"])}
    return Outline(Node(**fields), weights, output)


def _codes(told: list[Any] | None) -> Codes | None:
    if told is None:
        return None
    bits, low, high, *rest = told
    if rest == [BY_CHANNEL]:
        return Codes(bits, low, high, by_channel=True)
    return Codes(bits, low, high, tuple(rest[0]) if rest else None)
