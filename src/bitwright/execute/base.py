"""Where evaluations run: the contract between the loop, which decides, and a place that works."""

import abc
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bitwright.config import TrainConfig
from bitwright.control.reward import Reward
from bitwright.records import Genome, Outcome
from bitwright.registry import Registry, subclass_of
from bitwright.space.joint import JointSpace

if TYPE_CHECKING:
    from bitwright.train.shop import Shop
    from bitwright.train.trainer import Progress


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One trial to carry out. All its randomness comes from `seed`."""

    number: int
    iteration: int
    genome: Genome
    seed: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Workbench:
    """What an evaluator works with, in one process. Files go into the study's `folder`.

    `needs` are metrics to measure besides those that the reward needs: the controller reads them.
    `started` hears of each job before any work, `watch` of each training's progress.
    """

    shop: "Shop"
    space: JointSpace
    reward: Reward
    budget: TrainConfig
    folder: Path
    needs: frozenset[str] = frozenset()
    started: Callable[[Job], None] = lambda job: None
    watch: "Callable[[Progress], None] | None" = None


class Evaluator(abc.ABC):
    """Finds out what one candidate is worth.

    One that a study names (`search.evaluator`) is made from a `Workbench` alone, in every process
    that evaluates. All randomness of an evaluation comes from the job's seed.
    """

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


EVALUATORS: Registry[Callable[[Workbench], Evaluator]] = Registry(
    "evaluator", group="bitwright.evaluators", form=subclass_of(Evaluator)
)
EVALUATORS.register("scratch", "bitwright.train.candidate:ScratchEvaluator")
