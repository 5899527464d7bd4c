"""The keys below `data`."""

from pydantic import Field

from bitwright.config.part import Fraction, Part


class AugmentConfig(Part):
    """Random changes of each training image, drawn anew each time."""

    flip: bool = False
    """Mirror half of the training images."""

    shift: int = Field(default=0, ge=0, le=16)
    """Move each image by up to so many pixels both ways; what comes in is real zero."""


class DataConfig(Part):
    """The data set."""

    name: str
    """A known name, a folder of class folders, an .npz file, or "module:function"."""

    holdout: Fraction = 0.1
    """The part of each class's training images that candidates are judged on."""

    augment: AugmentConfig = AugmentConfig()
