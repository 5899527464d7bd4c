"""The trained network as integers: what every exporter writes and the integer reference executes.

All arithmetic is exact on an integer-only processor:

- An activation is an unsigned code of at most 8 bits; its real value is
  ``(code - zero_point) * scale``.
- A weight is a signed code in int8; its real value is ``(code - zero_point) * scale``, one scale
  and zero point per tensor or per output channel. Padding is the input's zero point, so real zero.
- ``acc = sum((x - zx) * (w - zw)) + bias`` in int32; the bias has scale ``scale_x * scale_w``.
- ``code = clip(round(acc * multiplier / 2**shift) + zero_point, low, high)`` with a 31-bit
  multiplier and a shift per output channel, the product in int64, ties to even (as IEEE 754 and
  ONNX QuantizeLinear round).
- Where an activation's grid has uneven levels, a table then takes the code to the nearest level,
  which is a code too.
- A sum (residual) rescales both operands by their own multiplier to a common shift, adds in int64,
  rounds once.
- A product (squeeze-excite) multiplies the two centred codes and rescales once. An average sums and
  rescales once.
- Logits are the last layer's accumulators: real value ``acc * scale_x * scale_w``.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.graph import Graph, Node
from bitwright.quant.levels import evenly_spaced, nearest

Array = npt.NDArray[np.generic]


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """How a tensor's codes map to reals: ``(code - zero_point) * scale``.

    `scale` (float32) and `zero_point` (int32) have shape () for the whole tensor or (C,) for its
    channels (axis 0 of a weight, axis 1 of an activation batch). Codes lie in low..high inclusive;
    `bits` is what one takes packed. `levels` are the codes in use, in order: (K,), or (C, K) where
    each channel of a weight has its own; None where every code is in use.
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]
    bits: int
    low: int
    high: int
    levels: npt.NDArray[np.int32] | None = None

    @property
    def uneven(self) -> bool:
        """Whether a table is needed to tell the levels: they are not equally far apart."""
        return self.levels is not None and not evenly_spaced(self.levels)

    @property
    def gap(self) -> int:
        """The distance between neighbouring levels that are evenly spaced."""
        return 1 if self.levels is None else int(self.levels[1] - self.levels[0])

    def table(self) -> npt.NDArray[np.int64]:
        """The level nearest to each code from low to high: (codes,), or (C, codes)."""
        codes = np.arange(self.low, self.high + 1)
        if self.levels is None:
            return codes
        zero = int(self.zero_point.flat[0])  # the same for all channels where levels are given
        return nearest(self.levels, self.low, self.high, zero)

    def on_level(self, codes: npt.NDArray[np.integer], *, axis: int = 0) -> npt.NDArray[np.int32]:
        """Codes within low..high moved to the nearest level; channels lie along `axis`."""
        if self.levels is None:
            return codes.astype(np.int32)
        table = self.table().astype(np.int32)
        if table.ndim == 1:
            return np.asarray(table[codes - self.low])
        spread = [1] * codes.ndim
        spread[axis] = -1
        return np.asarray(table[np.arange(len(table)).reshape(spread), codes - self.low])


@dataclasses.dataclass(frozen=True, slots=True)
class Rescale:
    """``round(value * multiplier / 2**shift)``.

    int64 multipliers below 2**31 and int64 shifts of at most 62, () or (C,) each.
    """

    multiplier: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Kernel:
    """A layer's weights complete: codes on their grid, and the bias."""

    codes: npt.NDArray[np.int8]
    grid: Grid
    bias: npt.NDArray[np.int32]


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """One node with its numbers.

    `codes` int8 (out, in / groups, k, k) or (out, in), `bias` int32 (out,): for conv and linear.
    `weights` is the codes' grid. `output` is the grid of the result: for max pooling the input's
    own, None for the logits. `rescales` has one entry per operand to bring onto the output's grid
    (two for an addition), none for the logits and max pooling.
    """

    node: Node
    output: Grid | None
    codes: npt.NDArray[np.int8] | None = None
    weights: Grid | None = None
    bias: npt.NDArray[np.int32] | None = None
    rescales: tuple[Rescale, ...] = ()

    @property
    def kernel(self) -> Kernel:
        """The weights of a convolution or linear layer; ExportError where a part is missing."""
        if self.codes is None or self.weights is None or self.bias is None:
            raise ExportError(
                f"layer '{self.node.name}' ({self.node.op}) lacks weight codes, grid or bias; "
                "lower the whole network before exporting it"
            )
        return Kernel(self.codes, self.weights, self.bias)


@dataclasses.dataclass(frozen=True, slots=True)
class IntegerModel:
    """A whole network in integers; `layers[0]` is the input, on the grid of the data (pixels)."""

    graph: Graph
    layers: tuple[Layer, ...]

    @property
    def input(self) -> Grid:
        """The grid of the input codes."""
        grid = self.layers[0].output
        assert grid is not None  # the input layer always has one
        return grid

    def layer(self, name: str) -> Layer:
        """The layer of that name; KeyError if there is none."""
        for layer in self.layers:
            if layer.node.name == name:
                return layer
        raise KeyError(name)

    def grid(self, name: str) -> Grid:
        """The grid of a layer's output codes; ExportError for raw logits."""
        grid = self.layer(name).output
        if grid is None:
            raise ExportError(
                f"layer '{name}' gives raw logits, on no grid; let no other layer read it"
            )
        return grid


def int8_weights(layer: Layer) -> npt.NDArray[np.int8]:
    """A layer's weight codes less their zero points; ExportError where they leave int8."""
    codes, zero = layer.kernel.codes.astype(np.int32), layer.kernel.grid.zero_point
    centred = codes - zero.reshape(-1, *[1] * (codes.ndim - 1))
    if centred.min() < -128 or centred.max() > 127:
        raise ExportError(
            f"layer '{layer.node.name}': weight codes less their zero point reach "
            f"{centred.min()}..{centred.max()}, outside int8; choose at most 7 bits with zero "
            "points, or a symmetric method"
        )
    return centred.astype(np.int8)
