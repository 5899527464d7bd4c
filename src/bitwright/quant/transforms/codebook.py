"""A codebook of shared weights, found by k-means (Deep Compression, arXiv 1510.00149).

Deviation from the paper: it clusters the weights of a trained network once and then trains the
centroids. Here weights are quantized from the first step on, so the clusters follow them: each
training step takes one step of Lloyd's algorithm, and gradients pass to the weights.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitwright.export.integer import Grid
from bitwright.quant.lattice import Levels
from bitwright.quant.transforms.base import (
    SMALLEST_STEP,
    Place,
    Quantizer,
    Transform,
    grid_of,
    largest,
    rows_of,
    step_over,
)

ROUNDS = 10  # of Lloyd's algorithm on the first weights
ROUNDS_LATER = 1  # a training step moves weights by little


class CodebookQuantizer(Quantizer):
    """The step makes the largest magnitude the outermost code; centroids lie on whole steps.

    `centroids` are real numbers in steps, (levels,) or (channels, levels), so that they scale with
    the weights; they start evenly from the smallest to the largest weight, which the paper found
    best. A centroid without weights stays where it is.
    """

    follows = True
    straight = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.levels = Levels.TABLE
        self.top: Tensor
        self.centroids: Tensor
        rows = (place.channels,) if place.method.per_channel else ()
        codes = int(self.high - self.low) + 1
        self.register_buffer("top", torch.ones(self.step_shape))
        self.register_buffer("centroids", torch.zeros(*rows, 2**place.method.bits))
        self.register_buffer("table", torch.zeros(*rows, codes))

    def fit(self, rows: Tensor) -> None:
        """Clusters of the first weights."""
        self.top.copy_(largest(rows))
        values = rows / self.step_now()
        bottom, top = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
        share = torch.linspace(0, 1, self.centroids.shape[-1], device=rows.device)
        self.centroids.copy_(bottom + (top - bottom) * share)
        for _ in range(ROUNDS):
            self._lloyd(values)

    def observe(self, rows: Tensor) -> None:
        """Centroids move to the middle of the weights that are nearest to them."""
        self.top.copy_(largest(rows))
        for _ in range(ROUNDS_LATER):
            self._lloyd(rows / self.step_now())
        self._fill_table()

    def _lloyd(self, values: Tensor) -> None:
        middles = (self.centroids[..., 1:] + self.centroids[..., :-1]) / 2
        at = torch.searchsorted(middles, values)
        sums = torch.zeros_like(self.centroids).scatter_add_(-1, at, values)
        counts = torch.zeros_like(sums).scatter_add_(-1, at, torch.ones_like(values))
        self.centroids.copy_(torch.where(counts > 0, sums / counts.clamp_min(1), self.centroids))

    def _codes(self) -> Tensor:
        """The centroids' codes, in order."""
        return torch.round(self.centroids).clamp(self.low, self.high)

    def _fill_table(self) -> None:
        """The code nearest to each whole step; ties as in `levels.nearest`."""
        codes = self._codes()
        sums = codes[..., 1:] + codes[..., :-1]
        beyond = torch.where(sums <= 0, sums - 1, sums)
        steps = 2 * torch.arange(int(self.low), int(self.high) + 1, device=codes.device).float()
        steps = steps.expand(*codes.shape[:-1], -1).contiguous()
        assert self.table is not None  # made in __init__
        self.table.copy_(codes.gather(-1, torch.searchsorted(beyond.contiguous(), steps)))

    def step_now(self) -> Tensor:
        """The largest magnitude over the highest code."""
        return step_over(self.top, self.high)

    def levels_now(self) -> npt.NDArray[np.int32]:
        """The centroids' codes, (levels,) or (channels, levels)."""
        return self._codes().cpu().numpy().astype(np.int32)


class Codebook(Transform):
    """k-means clusters."""

    name = "codebook"
    paper = "arXiv 1510.00149"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer whose levels follow the weights."""
        return CodebookQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The clusters of this tensor, after as many rounds."""
        rows = np.atleast_2d(rows_of(x, place))
        high = place.codes.high
        step = np.maximum(np.abs(rows).max(-1, keepdims=True) / np.float32(high), SMALLEST_STEP)
        levels = np.stack([_clusters(row, 2**place.method.bits) for row in rows / step])
        found = np.clip(np.round(levels), -high, high).astype(np.int32)
        if not place.method.per_channel:
            return grid_of(step[0, 0], place, found[0])
        return grid_of(step[:, 0], place, found)


def _clusters(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """Lloyd's algorithm, one cluster after the other."""
    start = values.astype(np.float64)
    centroids = np.linspace(start.min(), start.max(), count)
    for _ in range(ROUNDS + ROUNDS_LATER):
        nearest = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, start)
        for at in np.unique(nearest):
            centroids[at] = start[nearest == at].mean()
    return centroids
