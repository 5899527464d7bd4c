"""Ternary weights: -alpha, 0 and +alpha (TWN, arXiv 1605.04711).

The paper's threshold, 0.7 of the mean magnitude, approximates the best one, under which weights
become 0. Here it is the best one: given alpha, the nearest level is 0 below alpha / 2, and alpha is
the mean magnitude above the threshold. The two are taken in turns, from the paper's threshold on.
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

FIRST_THRESHOLD = 0.7  # of the mean magnitude
ROUNDS = 5  # each brings alpha nearer to where it stays; the first weights need a few
ROUNDS_LATER = 1  # a training step moves weights by little


class TernaryQuantizer(Quantizer):
    """step = alpha; follows the weights. Gradients pass all of them, as in the paper."""

    follows = True
    straight = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.alpha: Tensor
        self.register_buffer("alpha", torch.ones(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """The best alpha for the first weights."""
        size = rows.abs()
        threshold = FIRST_THRESHOLD * size.mean(dim=-1, keepdim=rows.ndim > 1)
        self._settle(size, threshold, ROUNDS)

    def observe(self, rows: Tensor) -> None:
        """A step towards the best alpha for these weights."""
        self._settle(rows.abs(), self.alpha / 2, ROUNDS_LATER)

    def _settle(self, size: Tensor, threshold: Tensor, rounds: int) -> None:
        for _ in range(rounds):
            self.alpha.copy_(_mean_above(size, threshold))
            threshold = self.alpha / 2

    def step_now(self) -> Tensor:
        """The one magnitude."""
        return self.alpha


def _mean_above(size: Tensor, threshold: Tensor) -> Tensor:
    """The mean of the magnitudes above a threshold; where there are none, of all."""
    keep = size.ndim > 1
    above = size > threshold
    above |= ~above.any(dim=-1, keepdim=keep)
    mean = (size * above).sum(dim=-1, keepdim=keep) / above.sum(dim=-1, keepdim=keep)
    return mean.clamp_min(SMALLEST_STEP)


class Ternary(Transform):
    """Ternary weights."""

    name = "ternary"
    paper = "arXiv 1605.04711"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer whose one magnitude follows the weights."""
        return TernaryQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid of this tensor, after as many rounds."""
        size = np.abs(rows_of(x, place))
        threshold = FIRST_THRESHOLD * size.mean(axis=-1, keepdims=True)
        for _ in range(ROUNDS + ROUNDS_LATER):
            above = size > threshold
            above |= ~above.any(axis=-1, keepdims=True)
            alpha = np.mean(size, axis=-1, keepdims=True, where=above)
            threshold = np.maximum(alpha, SMALLEST_STEP) / 2
        return grid_of(2 * threshold[..., 0], place)
