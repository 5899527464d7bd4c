"""The keys below `supernet`."""

from typing import Literal

from pydantic import Field

from bitwright.config.part import Part
from bitwright.config.train import TrainConfig


class SupernetTrainConfig(TrainConfig):
    """The same keys, with the defaults of a supernet's training."""

    epochs: float = Field(default=5.0, gt=0)
    """Passes over the training images."""

    batch: int = Field(default=64, ge=2)
    """Images in a step."""

    learning_rate: float = Field(default=0.016, gt=0)
    """The highest rate."""


class SupernetConfig(Part):
    """One set of weights for all candidates; for `search.evaluator: supernet`."""

    train: SupernetTrainConfig = SupernetTrainConfig()
    """Its training, once, before the search."""

    between: int = Field(default=2, ge=0)
    """Networks drawn in each step, besides the largest and the smallest."""

    imitation: float = Field(default=0.0, ge=0, le=1)
    """What these learn from the largest one's answers; the labels have the rest."""

    final: Literal["fresh", "cut"] = "fresh"
    """The winner is trained from fresh weights, or from those that were cut out for it."""
