"""What a transform is: a quantizer to train with, a NumPy reference, and a grid to lower to.

`Quantizer` is the trainable side; its `grid()` is the integer side, from which the exporters write
codes, scales and zero points. `Transform.reference` recomputes both in NumPy: the tests' oracle.
"""

import abc
import dataclasses
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bitwright.export.integer import Grid
from bitwright.quant.fake import fake_quantize
from bitwright.quant.grids import CodeRange, code_range
from bitwright.quant.lattice import Lattice, Levels
from bitwright.quant.levels import nearest
from bitwright.quant.names import Traits
from bitwright.quant.spec import Method, Role

SMALLEST_STEP = 1e-8  # a step never reaches zero, so that no division does
SPREAD = 3.0  # root mean squares that the start of a learned range reaches to
HAIR = 2.0**-14  # the unit of the parts by which steps that methods decide are made longer


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a quantizer stands.

    `channels` is the length of axis 0 of a weight, of axis 1 of an activation batch. An activation
    that is a mean is one of `window` codes, and one of so many `pixels` of its map.
    """

    method: Method
    role: Role
    signed: bool
    channels: int
    window: int = 1
    pixels: int = 1

    @property
    def codes(self) -> CodeRange:
        """The codes the method has here."""
        return code_range(self.method, self.role, signed=self.signed)

    @property
    def hair(self) -> float:
        """The part by which the step of a mean is longer where the method alone decides the step.

        On the step of what it is taken of, one sum in so many lies on a half but for the last bit
        of a float32, which every runtime rounds as its arithmetic falls. Of two means in a row the
        second has fewer pixels, so their steps differ too.
        """
        return 0.0 if self.window == 1 else 8 * HAIR * self.pixels.bit_length()


@dataclasses.dataclass(frozen=True, slots=True)
class Quantized:
    """Real values on a grid, their codes, and the grid."""

    value: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]
    grid: Grid


class Quantizer(nn.Module, abc.ABC):
    """Moves a tensor onto a method's grid.

    Lifecycle: the first forward pass fits the step to the tensor it sees; later ones in training
    mode may follow the data (`observe`) or learn (a parameter that is a logarithm of the step). In
    evaluation mode nothing changes after the fit. Steps have shape () or (channels, 1).
    """

    follows: ClassVar[bool] = False  # whether `observe` does anything
    straight: ClassVar[bool] = False  # whether gradients pass outside of the range too

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.fitted = False
        codes = place.codes
        centre = codes.zero_point
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", torch.tensor(float(codes.low - centre)))
        self.register_buffer("high", torch.tensor(float(codes.high - centre)))
        self.damping = 1.0  # of the step's gradient
        self.levels = Levels.ODD if codes.odd else Levels.EVEN
        self.table: Tensor | None
        self.register_buffer("table", self._fixed_table(), persistent=False)
        if self.table is not None:
            self.levels = Levels.TABLE

    def _fixed_table(self) -> Tensor | None:
        """The centred level of each code, where levels are uneven and known from the start."""
        codes = self.place.codes
        if codes.levels is None or codes.odd:
            return None
        found = nearest(np.array(codes.levels), codes.low, codes.high, codes.zero_point)
        return torch.from_numpy(found - codes.zero_point).float()

    @property
    def step_shape(self) -> tuple[int, ...]:
        """() for one step a tensor, (channels, 1) for one a channel."""
        return (self.place.channels, 1) if self.place.method.per_channel else ()

    @abc.abstractmethod
    def fit(self, rows: Tensor) -> None:
        """Sets the step from a first tensor, given as (channels, values) or (values,)."""

    @abc.abstractmethod
    def step_now(self) -> Tensor:
        """The step in use, with gradient where it is learned."""

    def lattice_now(self) -> Lattice:
        """Where values go as things stand; its step has a gradient where it is learned."""
        return Lattice(self.step_now(), self.low, self.high, self.levels, self.table)

    @property
    def looks(self) -> bool:
        """Whether a forward pass now does more with its input than move it onto the lattice."""
        own = type(self).forward, type(self).prepared
        plain = own == (Quantizer.forward, Quantizer.prepared) and not self.straight
        return not plain or not self.fitted or (self.training and self.follows)

    def observe(self, rows: Tensor) -> None:
        """Follows the data in training mode; nothing by default."""

    def forward(self, x: Tensor) -> Tensor:
        """`x` on the grid; an activation's channels are axis 1, a weight's axis 0."""
        by_channel = self.place.method.per_channel and self.place.role == "activation"
        if by_channel:
            x = x.transpose(0, 1)
        if not self.fitted or (self.training and self.follows):
            self._follow(x)
        x = self.prepared(x)
        out = fake_quantize(x, self.lattice_now(), damping=self.damping, straight=self.straight)
        return out.transpose(0, 1) if by_channel else out

    def prepared(self, x: Tensor) -> Tensor:
        """What is rounded in the place of `x`: by default itself."""
        return x

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        rows = x.detach().float()
        rows = rows.flatten(1) if self.step_shape else rows.flatten()
        if not self.fitted:
            self.damping = self.gradient_scale(rows.shape[-1])
            self.fit(rows)
            self.fitted = True
        self.observe(rows)

    def gradient_scale(self, values: int) -> float:
        """What to multiply the step's gradient by, for `values` numbers that share a step."""
        return 1.0

    def zero_point_now(self) -> Tensor:
        """The zero point in use, shaped like the step; by default the middle or low end."""
        return torch.full(self.step_shape, self.place.codes.zero_point, dtype=torch.int32)

    def levels_now(self) -> npt.NDArray[np.int32] | None:
        """The codes that are levels, () or by channel; None where every code is one."""
        levels = self.place.codes.levels
        return None if levels is None else np.array(levels, np.int32)

    def grid(self) -> Grid:
        """The codes' grid as it stands: what is exported."""
        codes = self.place.codes
        shape = (self.place.channels,) if self.place.method.per_channel else ()
        step = self.step_now().detach().cpu().float().reshape(shape).numpy()
        zero = self.zero_point_now().cpu().reshape(shape).numpy().astype(np.int32)
        bits = self.place.method.bits
        return Grid(step, zero, bits, codes.low, codes.high, self.levels_now())

    def get_extra_state(self) -> dict[str, Any]:
        """Whether the step has been fitted: part of the state dict."""
        return {"fitted": self.fitted, "damping": self.damping}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_extra_state` gave."""
        self.fitted = bool(state["fitted"])
        self.damping = float(state["damping"])


def largest(rows: Tensor) -> Tensor:
    """The largest magnitude: () of (values,), (channels, 1) of (channels, values)."""
    return rows.abs().amax(dim=-1, keepdim=rows.ndim > 1)


def reach(rows: Tensor) -> Tensor:
    """Three root mean squares, or the largest magnitude where that is less; shaped as `largest`."""
    size = rows.square().mean(dim=-1, keepdim=rows.ndim > 1).sqrt()
    return torch.minimum(SPREAD * size, largest(rows))


def step_over(top: Tensor, high: Tensor) -> Tensor:
    """The step with which `high` steps reach to `top`."""
    return (top / high.clamp_min(1)).clamp_min(SMALLEST_STEP)


class Transform(abc.ABC):
    """A family of methods: one mathematical map from reals to codes, at any of its bit widths.

    `traits` are read of a transform that is not built in; `names.py` states those of the others.
    """

    name: ClassVar[str]
    paper: ClassVar[str]
    traits: ClassVar[Traits] = Traits()

    @abc.abstractmethod
    def quantizer(self, place: Place) -> Quantizer:
        """A new quantizer for a place."""

    @abc.abstractmethod
    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid that the transform fits to a first tensor, in NumPy."""

    def reference(self, x: npt.NDArray[np.float32], place: Place, grid: Grid) -> Quantized:
        """`x` on a grid, in NumPy: the oracle of the torch quantizer and of the exported file."""
        axis = 0 if place.role == "weight" else 1
        spread = [1] * x.ndim
        if grid.scale.ndim:
            spread[axis] = -1
        scale, zero = grid.scale.reshape(spread), grid.zero_point.reshape(spread)
        ratio = np.clip(x / scale, grid.low - zero, grid.high - zero)
        if place.codes.odd:
            codes = (2 * np.floor(ratio / 2) + 1 + zero).astype(np.int32)
        else:
            codes = grid.on_level((np.round(ratio) + zero).astype(np.int32), axis=axis)
        value = ((codes - zero) * scale).astype(np.float32)
        return Quantized(value, codes, grid)


def rows_of(x: npt.NDArray[np.float32], place: Place) -> npt.NDArray[np.float32]:
    """The values that share a step, in the last axis: (values,) or (channels, values)."""
    if not place.method.per_channel:
        return x.reshape(-1)
    rows = x if place.role == "weight" else np.moveaxis(x, 1, 0)
    return rows.reshape(rows.shape[0], -1)


def reach_of(x: npt.NDArray[np.float32], place: Place) -> npt.NDArray[np.float32]:
    """`reach` in NumPy."""
    rows = rows_of(x, place)
    size = np.sqrt((rows**2).mean(axis=-1))
    return np.asarray(np.minimum(SPREAD * size, np.abs(rows).max(axis=-1)))


def grid_of(
    scale: npt.ArrayLike, place: Place, levels: npt.NDArray[np.int32] | None = None
) -> Grid:
    """A place's grid with these scales; `levels` where they are learned."""
    codes = place.codes
    step = np.maximum(scale, SMALLEST_STEP).astype(np.float32)
    zero = np.full(step.shape, codes.zero_point, np.int32)
    if levels is None and codes.levels is not None:
        levels = np.array(codes.levels, np.int32)
    return Grid(step, zero, place.method.bits, codes.low, codes.high, levels)
