"""Uniform affine quantization: the grid spans smallest to largest value (arXiv 1712.05877)."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import (
    SMALLEST_STEP,
    Place,
    Quantizer,
    Transform,
    rows_of,
)
from bitwright.quant.transforms.uniform import MOMENTUM


class AffineQuantizer(Quantizer):
    """step = (max - min) / (levels - 1), with real 0 always on the grid."""

    follows = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.bottom: Tensor
        self.top: Tensor
        self.register_buffer("bottom", torch.zeros(self.step_shape))
        self.register_buffer("top", torch.ones(self.step_shape))
        self.low = self.low.expand(self.step_shape).clone()
        self.high = self.high.expand(self.step_shape).clone()

    def fit(self, rows: Tensor) -> None:
        """The range of the first tensor."""
        self._move_towards(rows, 1.0)

    def observe(self, rows: Tensor) -> None:
        """Weights: this tensor's range. Activations: a step towards it."""
        self._move_towards(rows, 1.0 if self.place.role == "weight" else MOMENTUM)

    def _move_towards(self, rows: Tensor, share: float) -> None:
        keep = rows.ndim > 1
        bottom = rows.amin(dim=-1, keepdim=keep).clamp_max(0)
        self.bottom.lerp_(bottom if self.place.signed else torch.zeros_like(bottom), share)
        self.top.lerp_(rows.amax(dim=-1, keepdim=keep).clamp_min(0), share)
        zero = self.zero_point_now()
        codes = self.place.codes
        self.low.copy_(codes.low - zero)
        self.high.copy_(codes.high - zero)

    def step_now(self) -> Tensor:
        """The range over the number of steps across it."""
        codes = self.place.codes
        return ((self.top - self.bottom) / (codes.high - codes.low)).clamp_min(SMALLEST_STEP)

    def zero_point_now(self) -> Tensor:
        """The code of real 0: a whole number inside the range."""
        codes = self.place.codes
        zero = torch.round(-self.bottom / self.step_now()) + codes.low
        return zero.clamp(codes.low, codes.high).to(torch.int32)


class Affine(Transform):
    """Uniform affine."""

    name = "affine"
    paper = "arXiv 1712.05877"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer whose range follows the smallest and largest value."""
        return AffineQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid of this tensor's range."""
        codes = place.codes
        rows = rows_of(x, place)
        bottom = np.minimum(rows.min(axis=-1), 0) if place.signed else np.zeros(rows.shape[:-1])
        top = np.maximum(rows.max(axis=-1), 0)
        span = (top - bottom).astype(np.float32)
        scale = np.maximum(span / np.float32(codes.high - codes.low), SMALLEST_STEP)
        scale = scale.astype(np.float32)
        zero = np.round(-bottom.astype(np.float32) / scale) + codes.low
        zero = np.clip(zero, codes.low, codes.high).astype(np.int32)
        return Grid(scale, zero, place.method.bits, codes.low, codes.high)
