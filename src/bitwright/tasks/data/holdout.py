"""A held-out part of a split: every class gives its share; one seed always draws the same."""

import numpy as np
import numpy.typing as npt

from bitwright.errors import DataError
from bitwright.tasks.data.images import ImageSplit, Labels


def holdout(split: ImageSplit, fraction: float, seed: int) -> tuple[ImageSplit, ImageSplit]:
    """The part kept and the part held out: `fraction` of every class, both in the split's order."""
    held = held_rows(split.labels, fraction, seed)
    return split.take(~held), split.take(held)


def held_rows(labels: Labels, fraction: float, seed: int) -> npt.NDArray[np.bool_]:
    """True where an image (N,) is held out.

    A class of two or more images gives at least one and keeps at least one. The draw uses the
    generator's raw stream, which NumPy promises never to change.
    """
    if not 0 < fraction < 1:
        raise DataError(f"the held-out fraction is {fraction}; it must lie between 0 and 1")
    ranks = np.random.PCG64(seed).random_raw(len(labels))
    held = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held[rows[np.argsort(ranks[rows], kind="stable")[:count]]] = True
    return held
