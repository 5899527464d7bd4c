"""The keys below `sensitivity`."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from bitwright.config.part import Part


class SensitivityConfig(Part):
    """How sensitivity is measured and what it filters out (M4)."""

    enabled: bool = True
    """Whether to measure and filter at all."""

    threshold: float | None = 0.05
    """A method stays when its loss is at or under this; one of this and `keep`."""

    keep: int | None = Field(default=None, ge=1)
    """So many of the least sensitive methods stay; takes the threshold's place."""

    images: int = Field(default=2000, ge=10)
    """Held-out images to judge on, at most."""

    epochs: float = Field(default=1.0, gt=0)
    """Training of each kind's network, in passes over the data that candidates train on."""

    tune_steps: int = Field(default=10, ge=0)
    """Training steps after a method was changed, at a quarter of the learning rate."""

    accuracy: float = Field(default=1.0, ge=0)
    """Weight of the accuracy drop in the loss."""

    latency: float = Field(default=0.0, ge=0)
    """Weight of the latency growth; above 0 the study times runs, which no seed repeats."""

    memory: float = Field(default=0.0, ge=0)
    """Weight of the memory growth."""

    @model_validator(mode="before")
    @classmethod
    def _keep_replaces_the_default_threshold(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "keep" in data and "threshold" not in data:
            return {**data, "threshold": None}
        return data

    @model_validator(mode="after")
    def _one_filter(self) -> Self:
        if (self.threshold is None) == (self.keep is None):
            raise ValueError(
                "give one filter: 'threshold' (a loss) or 'keep' (a number of methods)"
            )
        return self
