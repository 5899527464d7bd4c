"""Where evaluations run: the contract between the loop, which decides, and a place that works."""

import abc
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from bitwright.config import SupernetConfig, TrainConfig
from bitwright.control.reward import Reward
from bitwright.execute.place import Place
from bitwright.records import Genome, Outcome, State
from bitwright.registry import Registry, subclass_of
from bitwright.space.joint import JointSpace, expand

if TYPE_CHECKING:
    from bitwright.train.shop import Shop


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """One trial to carry out. All its randomness comes from `seed`.

    `relative` is the recorded trial whose network is the most like this one, for evaluators that
    ask for it, `learned` how many trials, from the first, were learned when it was proposed.
    `fidelity` is the part of the budget at which training ends; `goes_on` is the
    recorded trial, with the same genome and seed, whose training this one takes further.
    """

    number: int
    iteration: int
    genome: Genome
    seed: int
    relative: int | None = None
    fidelity: float = 1.0
    goes_on: int | None = None
    learned: int = 0

    def outcome(self, state: State, reward: float, **rest: Any) -> Outcome:
        """What became of it: an outcome with everything that the job says already."""
        return Outcome(
            self.number,
            self.iteration,
            self.genome,
            state,
            reward,
            seed=self.seed,
            fidelity=self.fidelity,
            goes_on=self.goes_on,
            **rest,
        )


WITHOUT_SAYING = SupernetConfig()


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Workbench:
    """What an evaluator works with, in one process. Files go into the study's `folder`.

    `needs` are metrics to measure besides those that the reward needs: the controller reads them.
    `tuning` is the part of the budget for a network that starts from other weights than fresh ones.
    `seed` is the study's own.
    """

    shop: "Shop"
    space: JointSpace
    reward: Reward
    budget: TrainConfig
    folder: Path
    needs: frozenset[str] = frozenset()
    tuning: float = 1.0
    supernet: SupernetConfig = WITHOUT_SAYING
    seed: int = 0

    def costs(self, genome: Genome) -> dict[str, float]:
        """The metrics of a candidate that are exact before it is trained."""
        return self.shop.costs(self.space.decode(genome))

    def foretold(self, genome: Genome) -> dict[str, float]:
        """The metrics of a candidate that are needed and can only be guessed before training."""
        graph = expand(self.space.decode(genome))
        found = self.shop.foretold(graph, self.needs | self.reward.needs)
        return {name: guess.value for name, guess in found.items()}


class Evaluator(abc.ABC):
    """Finds out what one candidate is worth.

    One that a study names (`search.evaluator`) is made from a `Workbench` alone, in every process
    that evaluates. All randomness of an evaluation comes from the job's seed.
    """

    inherits: ClassVar[bool] = False  # whether jobs are to name a relative (`Job.relative`)
    leaves: ClassVar[bool] = False  # whether trials leave their weights (`execute.weights`)
    pauses: ClassVar[bool] = False  # whether it trains in stages (`Job.fidelity`, `Job.goes_on`)
    supernet: ClassVar[bool] = False  # whether the study is to train one first

    @abc.abstractmethod
    def evaluate(self, job: Job, place: Place) -> Outcome:
        """What became of the candidate. Only a user's interrupt and the disk's trouble leave it.

        Between training steps it calls `place.between_steps()`, and it measures times inside
        `place.alone()`.
        """


class Listener(Protocol):
    """Who hears of jobs while they run; called by the thread that waits for outcomes, no other."""

    def trial_started(self, job: Job) -> None:
        """The job has begun, or has begun again after it was lost."""

    def trial_progress(self, job: Job, done: int, total: int, loss: float) -> None:
        """The job's training is at step `done` of `total`."""

    def trial_lost(self, job: Job, reason: str) -> None:
        """The job's worker has ended under it; `reason` says how."""


class Executor(abc.ABC):
    """Runs jobs and hands their outcomes back.

    Jobs begin in the order in which they were submitted and end in any. One thread uses it; closed
    once, it is not used again.
    """

    @abc.abstractmethod
    def submit(self, job: Job) -> None:
        """Takes a job; it may start at once or when an outcome is waited for."""

    @abc.abstractmethod
    def wait(self) -> Outcome | None:
        """The next outcome; None when no job is left that could give one."""

    @abc.abstractmethod
    def hold(self) -> None:
        """Begins no more jobs, whatever is submitted; those that run come to their end."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends everything at once; jobs that still run are given up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


EVALUATORS: Registry[Callable[[Workbench], Evaluator]] = Registry(
    "evaluator", group="bitwright.evaluators", form=subclass_of(Evaluator)
)
EVALUATORS.register("inherited", "bitwright.train.inherited:InheritedEvaluator")
EVALUATORS.register("scratch", "bitwright.train.candidate:ScratchEvaluator")
EVALUATORS.register("shared", "bitwright.train.shared:SharedEvaluator")
EVALUATORS.register("supernet", "bitwright.train.cutting:CutEvaluator")
