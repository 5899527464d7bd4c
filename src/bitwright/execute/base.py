"""Where evaluations run: the contract between the loop, which decides, and a place that works."""

import abc
import dataclasses
from collections.abc import Iterator

from bitwright.records import Genome, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One trial to carry out. All its randomness comes from `seed`."""

    number: int
    iteration: int
    genome: Genome
    seed: int


class Evaluator(abc.ABC):
    """Builds, trains, exports and measures one candidate."""

    @abc.abstractmethod
    def evaluate(self, job: Job) -> Outcome:
        """What became of the candidate. Only a user's interrupt leaves it as an exception."""


class Executor(abc.ABC):
    """Runs jobs and hands their outcomes back, in any order."""

    @abc.abstractmethod
    def submit(self, job: Job) -> None:
        """Takes a job; it may start at once or when asked for completions."""

    @abc.abstractmethod
    def completions(self) -> Iterator[Outcome]:
        """The outcome of every job submitted, each as soon as it is there."""
