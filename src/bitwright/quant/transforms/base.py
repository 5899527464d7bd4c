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
from bitwright.quant.spec import Method, Role

SMALLEST_STEP = 1e-8  # a step never reaches zero, so that no division does


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a quantizer stands.

    `channels` is the length of axis 0 of a weight, of axis 1 of an activation batch.
    """

    method: Method
    role: Role
    signed: bool
    channels: int

    @property
    def codes(self) -> CodeRange:
        """The codes the method has here."""
        return code_range(self.method, self.role, signed=self.signed)


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
        levels = Levels.ODD if self.place.codes.binary else Levels.EVEN
        return Lattice(self.step_now(), self.low, self.high, levels)

    @property
    def looks(self) -> bool:
        """Whether a forward pass now does more with its input than move it onto the lattice."""
        own = type(self).forward is not Quantizer.forward
        return own or not self.fitted or (self.training and self.follows)

    def observe(self, rows: Tensor) -> None:
        """Follows the data in training mode; nothing by default."""

    def forward(self, x: Tensor) -> Tensor:
        """`x` on the grid; an activation's channels are axis 1, a weight's axis 0."""
        by_channel = self.place.method.per_channel and self.place.role == "activation"
        if by_channel:
            x = x.transpose(0, 1)
        if not self.fitted or (self.training and self.follows):
            self._follow(x)
        out = fake_quantize(x, self.lattice_now(), damping=self.damping)
        return out.transpose(0, 1) if by_channel else out

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

    def grid(self) -> Grid:
        """The codes' grid as it stands: what is exported."""
        codes = self.place.codes
        shape = (self.place.channels,) if self.place.method.per_channel else ()
        step = self.step_now().detach().cpu().float().reshape(shape).numpy()
        zero = self.zero_point_now().cpu().reshape(shape).numpy().astype(np.int32)
        return Grid(step, zero, self.place.method.bits, codes.low, codes.high)

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


class Transform(abc.ABC):
    """A family of methods: one mathematical map from reals to codes, at any of its bit widths."""

    name: ClassVar[str]
    paper: ClassVar[str]

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
        ratio = x / scale
        if place.codes.binary:
            centred = np.where(ratio >= 0, 1.0, -1.0)
        else:
            centred = np.round(np.clip(ratio, grid.low - zero, grid.high - zero))
        codes = (centred + zero).astype(np.int32)
        return Quantized((centred * scale).astype(np.float32), codes, grid)


def rows_of(x: npt.NDArray[np.float32], place: Place) -> npt.NDArray[np.float32]:
    """The values that share a step, in the last axis: (values,) or (channels, values)."""
    if not place.method.per_channel:
        return x.reshape(-1)
    rows = x if place.role == "weight" else np.moveaxis(x, 1, 0)
    return rows.reshape(rows.shape[0], -1)
