"""The quantizer of levels that a table holds: its step is learned as LSQ learns its own.

A value is rounded to a whole step, and the table gives the level nearest to that. The gradients are
those of LSQ with the level in place of the rounded value: outside of the range the step learns from
what is clipped, as the papers' clips do.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import Place, Quantizer, grid_of, reach, reach_of, step_over


class UnevenQuantizer(Quantizer):
    """The outermost level starts at `reach`; the parameter is the step's logarithm, as LSQ's is."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.log_step = nn.Parameter(torch.zeros(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """Three standard deviations, or the largest magnitude where that is less."""
        self.log_step.data.copy_(step_over(reach(rows), self.high).log())

    def step_now(self) -> Tensor:
        """The learned step."""
        return self.log_step.exp()

    def gradient_scale(self, values: int) -> float:
        """LSQ's, with the number of levels on one side as its highest code."""
        signed = self.place.codes.low < self.place.codes.zero_point
        levels = 2 ** (self.place.method.bits - signed) - 1
        return float(1.0 / (values * max(1, levels)) ** 0.5)


def uneven_grid(x: npt.NDArray[np.float32], place: Place) -> Grid:
    """The grid before any learning."""
    codes = place.codes
    return grid_of(reach_of(x, place) / max(1, codes.high - codes.zero_point), place)
