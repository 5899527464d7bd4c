"""What a study would do and for how long: values, and the arithmetic of a few timed steps."""

import bisect
import dataclasses
import statistics
from collections.abc import Sequence

STEADY = (0.8, 1.3)  # by so much may what was timed for a moment differ over a whole run


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Seconds: the least, the likely and the most."""

    low: float
    likely: float
    high: float

    @classmethod
    def about(cls, seconds: float) -> "Span":
        """What was timed once, as far as that can be relied on."""
        return cls(STEADY[0] * seconds, seconds, STEADY[1] * seconds)

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: float) -> "Span":
        """The same so many times, or a part of it."""
        return Span(factor * self.low, factor * self.likely, factor * self.high)

    def at_most(self, seconds: float) -> "Span":
        """The same where a limit ends it."""
        return Span(*(min(seconds, value) for value in (self.low, self.likely, self.high)))


@dataclasses.dataclass(frozen=True, slots=True)
class Timed:
    """A candidate that was timed: seconds of a training step, and of all that is not training."""

    macs: int
    step_s: float
    other_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """How fast candidates are: some were timed, and of random ones the MACs are known."""

    timed: tuple[Timed, ...]
    macs: tuple[int, ...]

    def step(self, macs: float) -> float:
        """Seconds of a training step of a network of so many MACs, between those timed."""
        return self._between([one.step_s for one in self._ordered()], macs)

    def trial(self, steps: int) -> Span:
        """One candidate that is trained for so many steps: the cheapest to the dearest one timed.

        The likely one is the mean over the random candidates.
        """
        whole = [one.other_s + steps * one.step_s for one in self._ordered()]
        likely = statistics.fmean(self._between(whole, macs) for macs in self.macs)
        return Span(min(likely, *whole), likely, max(likely, *whole))

    def steps(self, steps: int) -> Span:
        """So many training steps of one candidate."""
        training = [dataclasses.replace(one, other_s=0.0) for one in self.timed]
        return Pace(tuple(training), self.macs).trial(steps)

    def _ordered(self) -> list[Timed]:
        return sorted(self.timed, key=lambda one: one.macs)

    def _between(self, values: Sequence[float], macs: float) -> float:
        """The value at so many MACs on the line through the two timed candidates beside it."""
        at = [one.macs for one in self._ordered()]
        right = min(max(1, bisect.bisect_left(at, macs)), len(at) - 1)
        left = right - 1
        if right < 1 or at[left] == at[right]:
            return values[-1]
        share = (macs - at[left]) / (at[right] - at[left])
        return max(min(values), values[left] + share * (values[right] - values[left]))


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """A part of the study: what it does, and for how long."""

    name: str
    what: str
    time: Span


@dataclasses.dataclass(frozen=True, slots=True)
class Forecast:
    """What `bitwright search` would do. `memory_bytes` is what the timing took at its peak."""

    study: str
    out: str
    recorded: int
    facts: tuple[tuple[str, str], ...]
    structures: int
    networks: int
    phases: tuple[Phase, ...]
    memory_bytes: int
    notes: tuple[str, ...]

    @property
    def total(self) -> Span:
        """All phases, one after the other."""
        return sum((phase.time for phase in self.phases), Span(0.0, 0.0, 0.0))
