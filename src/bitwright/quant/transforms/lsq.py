"""Learned step size quantization: the step is a parameter (LSQ, arXiv 1902.08153)."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import (
    SMALLEST_STEP,
    Place,
    Quantizer,
    Transform,
    grid_of,
    rows_of,
)


class LsqQuantizer(Quantizer):
    """The step starts at 2 mean|x| / sqrt(high); its gradient is scaled by 1 / sqrt(n high).

    Deviation from the paper: the parameter is the step's logarithm. The optimizer here is Adam,
    whose updates have the size of the learning rate whatever the gradient; on the logarithm that is
    a relative change, the same for a step of 0.002 and one of 0.2, and the step stays positive.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.log_step = nn.Parameter(torch.zeros(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """The paper's start; of activations after a ReLU, from what the ReLU gives."""
        size = rows.abs() if self.place.signed else rows.clamp_min(0)
        mean = size.mean(dim=-1, keepdim=rows.ndim > 1)
        top = max(1.0, float(self.high))
        self.log_step.data.copy_((2 * mean / top**0.5).clamp_min(SMALLEST_STEP).log())

    def step_now(self) -> Tensor:
        """The learned step."""
        return self.log_step.exp()

    def gradient_scale(self, values: int) -> float:
        """Balances the step's gradient against the weights' (section 2.2 of the paper)."""
        return float(1.0 / (values * max(1.0, float(self.high))) ** 0.5)


class Lsq(Transform):
    """Learned step size."""

    name = "lsq"
    paper = "arXiv 1902.08153"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer with a learned step."""
        return LsqQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid before any learning."""
        codes = place.codes
        top = max(1.0, float(codes.high - codes.zero_point))
        rows = rows_of(x, place)
        mean = (np.abs(rows) if place.signed else np.maximum(rows, 0)).mean(axis=-1)
        return grid_of(2 * mean / np.sqrt(top), place)
