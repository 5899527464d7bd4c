"""The loop (M1.1): propose, evaluate, record, learn, until the reward converges or a limit is met.

Record, then learn: an outcome is stored before the controller sees it, and a controller's state is
a fold over the stored outcomes. A study that was killed goes on exactly where its store ends.

With a lookahead of k, the candidates of an iteration are proposed k iterations early, so that
workers have something to do while the last candidates of an iteration are still at work. They are
proposed right after the controller has learned iteration i-1-k, whatever else has finished by then:
so a seed gives one search, however many workers there are and however fast each of them is.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

from bitwright.config import SearchConfig
from bitwright.control.base import Controller
from bitwright.control.converge import iteration_reward, stopped_by
from bitwright.control.halving import WHOLE, Halving
from bitwright.execute.base import Executor, Job
from bitwright.execute.weights import KEPT
from bitwright.records import Estimate, Genome, Outcome, Pick
from bitwright.seeds import derive, generator
from bitwright.study.interrupts import Paused
from bitwright.study.relatives import Chooser, nobody
from bitwright.study.store import Store
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Watcher


@dataclasses.dataclass(frozen=True, slots=True)
class Proposed:
    """What was thought of a candidate before it was evaluated, and the seconds that it took."""

    estimate: Estimate | None
    seconds: float

    def with_outcome(self, outcome: Outcome) -> Outcome:
        """The outcome, with the guess beside it and the time for it among its seconds."""
        seconds = (("propose", self.seconds), *outcome.seconds)
        return dataclasses.replace(outcome, estimate=self.estimate, seconds=seconds)


@dataclasses.dataclass(slots=True)
class Loop:
    """One study's loop; it runs once.

    `spent` counts the seconds that stand against the time limit, those of all workers together
    divided by `workers`. `pause_asked` says whether somebody wants the study to pause. `relative`
    names the learned trial that a candidate may take weights from. `halving` decides which trials
    take a candidate further; the controller proposes the others, and learns of those alone. The
    first `taken` trials were taken over from another study: they are learned, but iterations with
    such say nothing of convergence.
    """

    settings: SearchConfig
    controller: Controller
    store: Store
    executor: Executor
    declared: Mapping[str, tuple[Pick, ...]]
    watcher: Watcher
    spent: float = 0.0
    lookahead: int = 0
    workers: int = 1
    pause_asked: Callable[[], bool] = lambda: False
    relative: Chooser = nobody
    halving: Halving | None = None
    taken: int = 0
    _learned: int = dataclasses.field(init=False, default=0)  # iterations
    _rewards: list[float] = dataclasses.field(init=False, default_factory=list)
    _proposed: dict[int, Proposed] = dataclasses.field(init=False, default_factory=dict)
    _early: dict[int, Outcome] = dataclasses.field(init=False, default_factory=dict)
    _recorded: int = dataclasses.field(init=False, default=0)  # trials in the store

    def run(self) -> StoppedBy:
        """Iterates to the end; returns what ended it. Paused is raised where that was asked."""
        self._recorded = len(self.store.outcomes())
        for iteration in range(1 + self.lookahead):
            self._propose(iteration)
        while (reason := self._reason_to_stop()) is None:
            self._finish(self._learned)
            self._propose(self._learned + self.lookahead)
        return reason

    def _propose(self, iteration: int) -> None:
        """Submits the iteration's candidates, save those that are recorded from an earlier run."""
        if iteration >= self.settings.iterations:
            return
        first = iteration * self.controller.batch
        for number in range(max(first, self._recorded), first + self.controller.batch):
            self.executor.submit(self._job(number, iteration))

    def _job(self, number: int, iteration: int) -> Job:
        stretch = self.halving.stretch(number) if self.halving else WHOLE
        before, seed = stretch.goes_on, self.settings.seed
        if before is None:
            start = time.monotonic()
            genome = self.controller.propose(number, generator(seed, number, "propose"))
            estimate = self.controller.estimate(genome)
            self._proposed[number] = Proposed(estimate, time.monotonic() - start)
            drawn = 0 if self.settings.common_seed else number
            job = Job(number, iteration, genome, derive(seed, drawn, "trial"))
            return dataclasses.replace(
                job,
                relative=self._relative(genome),
                fidelity=stretch.fidelity,
                learned=self._learned * self.controller.batch,
            )
        job = Job(number, iteration, before.genome, before.seed)
        return dataclasses.replace(
            job,
            fidelity=stretch.fidelity,
            goes_on=before.number,
            learned=self._learned * self.controller.batch,
        )

    def _relative(self, genome: Genome) -> int | None:
        """Of trials that were learned: what else has finished by now is a matter of luck."""
        if self.relative is nobody:
            return None
        learned = self._learned * self.controller.batch
        first = max(0, learned - KEPT)
        return self.relative(genome, self.store.outcomes(after=first)[: learned - first])

    def _finish(self, iteration: int) -> None:
        """Learns the iteration, once all of it is recorded."""
        batch = self.controller.batch
        first = iteration * batch
        self._record(first + batch)
        outcomes = self.store.outcomes(after=first)[:batch]
        self._learn(outcomes)
        self.spent += sum(s for outcome in outcomes for _, s in outcome.seconds) / self.workers

    def _learn(self, outcomes: Sequence[Outcome]) -> None:
        """The controller compares like with like, and so does convergence.

        One learns of the first stage of every candidate, the other of those that were trained
        whole.
        """
        new = [outcome for outcome in outcomes if outcome.goes_on is None]
        whole = [outcome for outcome in outcomes if outcome.fidelity == WHOLE.fidelity]
        if new:
            self.controller.learn(new)
        if whole and self._learned * self.controller.batch >= self.taken:
            self._rewards.append(iteration_reward(whole))
        if self.halving:
            self.halving.learn(outcomes)
        self._learned += 1

    def _record(self, end: int) -> None:
        """Stores the trials before `end` in the order of their numbers; early ones wait."""
        while self._recorded < end:
            outcome = self._early.pop(self._recorded, None)
            if outcome is None:
                self._wait()
                continue
            if outcome.number in self._proposed:
                outcome = self._proposed.pop(outcome.number).with_outcome(outcome)
            self.store.append(outcome, self.declared)
            self._recorded += 1
            self.watcher.trial_done(outcome)

    def _wait(self) -> None:
        if self.pause_asked():
            self.executor.hold()
        outcome = self.executor.wait()
        if outcome is None:  # nothing runs any more, nor will
            raise Paused
        self._early[outcome.number] = outcome

    def _reason_to_stop(self) -> StoppedBy | None:
        if self._learned < self._recorded // self.controller.batch:
            return None  # an earlier run has gone on from here
        convergence = self.settings.convergence
        rule = stopped_by(
            self._rewards,
            learned=self._learned,
            iterations=self.settings.iterations,
            window=convergence.window if convergence else None,
            threshold=convergence.threshold if convergence else 0.0,
        )
        minutes = self.settings.minutes
        if rule is None and minutes is not None and self._learned and self.spent >= 60 * minutes:
            return "time"
        return rule
