"""Additive powers of two: every level is a sum of a few powers of two (APoT, arXiv 1909.13144).

Deviations from the paper: the range's start is three standard deviations of the first tensor, and
weights are not normalised before they are quantized; batch norm and the learned step do that here.
The paper's number of terms follows from the width; here terms of one bit fill up where terms of two
would ask for levels that codes of 8 bits cannot hold, so that from 7 or 8 bits on levels are even.
"""

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import Place, Quantizer, Transform
from bitwright.quant.transforms.uneven import UnevenQuantizer, uneven_grid


class Apot(Transform):
    """Additive powers of two."""

    name = "apot"
    paper = "arXiv 1909.13144"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer with the levels of `levels.additive` and a learned step."""
        return UnevenQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid before any learning."""
        return uneven_grid(x, place)
