"""A first look at a data set: its size and shape, without loading what is known by name."""

import dataclasses

import numpy as np

from bitwright.errors import DataError
from bitwright.tasks.data.load import load
from bitwright.tasks.data.registry import find_source


@dataclasses.dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be known of a data set before anything is learned: `shape` is (C, H, W)."""

    name: str
    shape: tuple[int, int, int]
    classes: int
    training_images: int

    @property
    def smaller_side(self) -> int:
        """The smaller of height and width, in pixels."""
        return min(self.shape[1:])

    def __str__(self) -> str:
        channels, height, width = self.shape
        colours = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
        return (
            f"{self.training_images:,} training images of {width}x{height} {colours} pixels, "
            f"{self.classes} classes"
        )


def glimpse(spec: str) -> Glimpse:
    """A look at the data set that `spec` names; DataError where no study could learn from it."""
    source = find_source(spec)
    if source is not None and source.shape is not None and source.train is not None:
        return Glimpse(spec, source.shape, len(source.classes), source.train.images)
    data = load(spec)
    channels, height, width = data.train.images.shape[1:]
    if np.bincount(data.train.labels).max() < 2:
        raise DataError(
            f"data set '{spec}': with one training image of each class no image is left to hold "
            "out; add images"
        )
    return Glimpse(spec, (channels, height, width), len(data.classes), len(data.train))
