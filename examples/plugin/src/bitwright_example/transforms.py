"""A transform: a step that is fitted once, so that all but the largest values lie in range."""

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

SHARE = 0.99  # of the magnitudes lie within the range


class QuantileQuantizer(Quantizer):
    """The step reaches to a quantile of the first tensor's magnitudes, and stays."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.step: Tensor
        self.register_buffer("step", torch.ones(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """Sets the step, from (channels, values) or (values,)."""
        reach = torch.quantile(rows.abs(), SHARE, dim=-1, keepdim=rows.ndim > 1)
        self.step.copy_((reach / self.high.clamp_min(1)).clamp_min(SMALLEST_STEP))

    def step_now(self) -> Tensor:
        """The step, which is not learned."""
        return self.step


class Quantile(Transform):
    """Clips the largest hundredth of the magnitudes."""

    name = "quantile"
    paper = "none"

    def quantizer(self, place: Place) -> Quantizer:
        """What a network trains with."""
        return QuantileQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The same grid in NumPy: the oracle."""
        codes = place.codes
        reach = np.quantile(np.abs(rows_of(x, place)), SHARE, axis=-1)
        return grid_of(reach / max(1, codes.high - codes.zero_point), place)
