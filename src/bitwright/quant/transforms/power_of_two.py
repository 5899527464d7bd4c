"""Power-of-two steps, learned: rescaling becomes a shift (TQT, arXiv 1903.08066).

A mean of 36 codes cannot be had by a shift: the step of one whose window is no power of two is
longer by a hair, for the reason that `Place.hair` gives.
"""

import math

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
    reach,
    reach_of,
    step_over,
)


def _hair(place: Place) -> float:
    """What the step is multiplied by."""
    return 1.0 if place.window.bit_count() == 1 else 1 + place.hair


class PowerOfTwoQuantizer(Quantizer):
    """step = 2 ** ceil(log2_step), by a hair more; the ceiling lets the gradient through."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.log2_step = nn.Parameter(torch.zeros(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """Three standard deviations, as the paper starts weights, or the largest magnitude."""
        self.log2_step.data.copy_(step_over(reach(rows), self.high).log2())

    def step_now(self) -> Tensor:
        """The step: an exact power of two, but of some means."""
        exponent = self.log2_step + (self.log2_step.ceil() - self.log2_step).detach()
        return torch.exp2(exponent) * _hair(self.place)

    def gradient_scale(self, values: int) -> float:
        """Scaled like LSQ's, so that one learning rate serves both."""
        return float(1.0 / (values * max(1.0, float(self.high))) ** 0.5)


class PowerOfTwo(Transform):
    """Power-of-two step."""

    name = "power_of_two"
    paper = "arXiv 1903.08066"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer with a learned power-of-two step."""
        return PowerOfTwoQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid before any learning."""
        codes = place.codes
        step = np.maximum(reach_of(x, place) / max(1, codes.high - codes.zero_point), SMALLEST_STEP)
        exponents = [math.ceil(math.log2(x)) for x in np.atleast_1d(step)]
        power = np.exp2(np.array(exponents, np.float32)).reshape(step.shape)
        return grid_of(power * np.float32(_hair(place)), place)
