"""The keys below `train` and `final`."""

import math
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from bitwright.config.part import Part


class TrainConfig(Part):
    """Training under the policy (M7): ends after `epochs` or `steps`, or when `patience` is out."""

    epochs: float = Field(default=2.0, gt=0)
    """Passes over the training images."""

    steps: int | None = Field(default=None, ge=1)
    """The most steps, whatever the epochs."""

    images: int | None = Field(default=None, ge=1)
    """Train on so many images, drawn once a candidate."""

    batch: int = Field(default=128, ge=2)
    """Images in a step."""

    learning_rate: float = Field(default=0.004, gt=0)
    """The highest rate."""

    weight_decay: float = Field(default=0.0001, ge=0)
    """Of kernels; biases, norms and steps have none."""

    full_precision: float = Field(default=0.0, ge=0, le=0.8)
    """The part of the steps, from the first, that are taken before anything is quantized."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Of the cross-entropy's targets."""

    warmup: float = Field(default=0.05, ge=0, lt=1)
    """The part of the steps in which the rate rises."""

    patience: int | None = Field(default=None, ge=1)
    """Stop when the held-out accuracy has not risen for so many epochs."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the device computes it in hardware."""

    fused: Literal["auto", "on", "off"] = "auto"
    """Quantize by compiled C; auto: where there is a C compiler. Equal up to rounding."""

    def part(self, share: float) -> Self:
        """The same training for a part of the epochs, and of the most steps."""
        steps = None if self.steps is None else math.ceil(self.steps * share)
        return self.model_copy(update={"epochs": self.epochs * share, "steps": steps})

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any) -> Any:
        """Another part's training serves too: the keys are the same."""
        other = isinstance(value, TrainConfig) and not isinstance(value, cls)
        return value.model_dump() if other else value

    @field_validator("fused", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        """To YAML, a bare on or off is a truth value."""
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class FinalConfig(TrainConfig):
    """The same keys, with the defaults of a training that ends in a network to ship."""

    epochs: float = Field(default=10.0, gt=0)
    """Passes over the training images."""
