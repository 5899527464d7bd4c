"""Uniform symmetric quantization: the step follows the largest magnitude (arXiv 1806.08342)."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import (
    Place,
    Quantizer,
    Transform,
    grid_of,
    largest,
    rows_of,
    step_over,
)

MOMENTUM = 0.05  # of the running range of activations


class UniformQuantizer(Quantizer):
    """step = max|x| / high: of this weight tensor, or of activations by a running mean."""

    follows = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.top: Tensor
        self.register_buffer("top", torch.ones(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """The range of the first tensor."""
        self.top.copy_(self._top(rows))

    def observe(self, rows: Tensor) -> None:
        """Weights: this tensor's range. Activations: a step towards it."""
        self.top.lerp_(self._top(rows), 1.0 if self.place.role == "weight" else MOMENTUM)

    def _top(self, rows: Tensor) -> Tensor:
        if self.place.signed:
            return largest(rows)
        return rows.amax(dim=-1, keepdim=rows.ndim > 1).clamp_min(0)

    def step_now(self) -> Tensor:
        """The range over the number of steps to its end."""
        return step_over(self.top, self.high)


class Uniform(Transform):
    """Uniform symmetric."""

    name = "uniform"
    paper = "arXiv 1806.08342"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer whose step follows the largest magnitude."""
        return UniformQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid of this tensor's range."""
        codes = place.codes
        rows = rows_of(x, place)
        top = np.abs(rows).max(axis=-1) if place.signed else np.maximum(rows.max(axis=-1), 0)
        return grid_of(top / np.float32(max(1, codes.high - codes.zero_point)), place)
