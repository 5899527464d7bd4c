"""Clipping of activations, the clip learned where it clips (PACT, arXiv 1805.06085).

The paper quantizes what a ReLU gives, on 0 to alpha. Where no ReLU ends a layer, the range is
clipped on both sides, and both sides teach alpha.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bitwright.export.integer import Grid
from bitwright.quant.lattice import Levels
from bitwright.quant.transforms.base import (
    SMALLEST_STEP,
    Place,
    Quantizer,
    Transform,
    grid_of,
    reach,
    reach_of,
)

DECAY = 1e-4  # of alpha, as of the weights in the paper


class _Decaying(torch.autograd.Function):
    """Alpha unchanged; its gradient with that of `DECAY / 2 * alpha**2` added."""

    @staticmethod
    def forward(ctx: Any, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(alpha)
        return alpha.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (alpha,) = ctx.saved_tensors
        return grads[0] + DECAY * alpha


class PactQuantizer(Quantizer):
    """step = alpha / high; alpha gets its gradient from clipped values alone, and decays.

    Deviations from the paper: the parameter is alpha's logarithm, for the reason that LSQ's is, and
    alpha starts at three standard deviations of the first activations rather than at 10.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.levels = Levels.CLIPPED
        self.log_alpha = nn.Parameter(torch.zeros(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """Three standard deviations, or the largest magnitude where that is less."""
        self.log_alpha.data.copy_(reach(rows).clamp_min(SMALLEST_STEP).log())

    def step_now(self) -> Tensor:
        """The clip over the number of steps to it."""
        alpha: Tensor = _Decaying.apply(self.log_alpha.exp())  # type: ignore[no-untyped-call]
        return alpha / self.high.clamp_min(1)


class Pact(Transform):
    """Learned clip of activations."""

    name = "pact"
    paper = "arXiv 1805.06085"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer with a learned clip."""
        return PactQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid before any learning."""
        codes = place.codes
        alpha = np.maximum(reach_of(x, place), SMALLEST_STEP)
        return grid_of(alpha / max(1, codes.high - codes.zero_point), place)
