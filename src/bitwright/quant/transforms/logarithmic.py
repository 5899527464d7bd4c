"""Logarithmic levels: each one is the level below it times a constant factor (arXiv 1603.01025).

Deviations from the paper: the factor is 2 up to 3 bits of magnitude and smaller above, so that
more bits make levels finer, not only reach further down; a value goes to the level that is nearest
to it, not to the one whose logarithm is; and the range is learned.
"""

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import Place, Quantizer, Transform
from bitwright.quant.transforms.uneven import UnevenQuantizer, uneven_grid


class Logarithmic(Transform):
    """Levels a constant factor apart."""

    name = "logarithmic"
    paper = "arXiv 1603.01025"

    def quantizer(self, place: Place) -> Quantizer:
        """A quantizer with the levels of `levels.geometric` and a learned step."""
        return UnevenQuantizer(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid before any learning."""
        return uneven_grid(x, place)
