"""Binary weights: the sign times the mean magnitude (XNOR-Net, arXiv 1603.05279).

Deviation from the paper: gradients pass every weight, not only those within -1 and 1. Batch norm
takes a kernel's scale out, so that no weight is too large to be of use.
"""

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
    grid_of,
    rows_of,
)


class BinaryQuantizer(Quantizer):
    """step = mean|x|: of all scales the one with the least squared error. Follows the weights."""

    follows = True
    straight = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """As later."""
        self.observe(rows)

    def observe(self, rows: Tensor) -> None:
        """The mean magnitude of these weights."""
        mean = rows.abs().mean(dim=-1, keepdim=rows.ndim > 1)
        self.scale.copy_(mean.clamp_min(SMALLEST_STEP))

    def step_now(self) -> Tensor:
        """The one magnitude."""
        return self.scale


class Binary(Transform):
    """Binary weights."""

    name = "binary"
    paper = "arXiv 1603.05279"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer whose one magnitude follows the weights."""
        return BinaryQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid of this tensor."""
        mean = np.abs(rows_of(x, place)).mean(axis=-1)
        return grid_of(np.maximum(mean, SMALLEST_STEP), place)
