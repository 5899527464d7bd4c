"""What a user says of the study that is wanted."""

import dataclasses

from bitwright.tasks.data.glimpse import Glimpse

SMALL_SIDE = 16  # pixels up to which images take the small template and one thread


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """The data as it looks, the processor, and the limits; None where there is no limit."""

    data: Glimpse
    target: str
    packed_kb: float | None
    latency_ms: float | None
    minutes: float

    @property
    def packed_limit(self) -> float | None:
        """The limit on the packed size in bytes."""
        return None if self.packed_kb is None else 1000 * self.packed_kb


def is_small(data: Glimpse) -> bool:
    """Whether the images are so small that little keeps one processor core busy."""
    return data.smaller_side <= SMALL_SIDE
