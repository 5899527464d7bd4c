"""The keys below `reward`."""

from pydantic import Field

from bitwright.config.part import Part


class MetricConfig(Part):
    """A metric's place in the reward."""

    weight: float = Field(default=1.0, gt=0)
    """How much it counts."""

    reference: float = Field(default=1.0, gt=0)
    """What is normal: the metric is divided by it."""


class RewardConfig(Part):
    """Metrics normalised by `reference`, weighted, summed, and put through `transform` (M6.2)."""

    transform: str = "exponential"
    """How the metrics become one number: a known name, or "module:function"."""

    metrics: dict[str, MetricConfig] = Field(default_factory=lambda: {"accuracy": MetricConfig()})
    """What counts; accuracy must be among them."""

    initial: float = 0.0
    """The reward that the first iteration sees."""
