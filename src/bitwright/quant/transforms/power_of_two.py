"""Power-of-two steps, learned: rescaling becomes a shift (TQT, arXiv 1903.08066)."""

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
    rows_of,
)

SPREAD = 3.0  # standard deviations that the first range reaches to, as the paper starts weights


class PowerOfTwoQuantizer(Quantizer):
    """step = 2 ** ceil(log2_step); the ceiling lets the gradient through."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.log2_step = nn.Parameter(torch.zeros(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """A range of three standard deviations, or the largest magnitude where that is less."""
        keep = rows.ndim > 1
        top = rows.abs().amax(dim=-1, keepdim=keep)
        reach = torch.minimum(SPREAD * rows.square().mean(dim=-1, keepdim=keep).sqrt(), top)
        step = (reach / self.high.clamp_min(1)).clamp_min(SMALLEST_STEP)
        self.log2_step.data.copy_(step.log2())

    def step_now(self) -> Tensor:
        """The step: an exact power of two."""
        exponent = self.log2_step + (self.log2_step.ceil() - self.log2_step).detach()
        return torch.exp2(exponent)

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
        rows = rows_of(x, place)
        reach = np.minimum(SPREAD * np.sqrt((rows**2).mean(axis=-1)), np.abs(rows).max(axis=-1))
        step = np.maximum(reach / max(1, codes.high - codes.zero_point), SMALLEST_STEP)
        exponents = [math.ceil(math.log2(x)) for x in np.atleast_1d(step)]
        scale = np.exp2(np.array(exponents, np.float32)).reshape(step.shape).astype(np.float32)
        zero = np.full(scale.shape, codes.zero_point, np.int32)
        return Grid(scale, zero, place.method.bits, codes.low, codes.high)
