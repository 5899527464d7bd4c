"""The loop (M1.1): propose, evaluate, record, learn, until the reward converges or a limit is met.

Record, then learn: an outcome is stored before the controller sees it, and a controller's state is
a fold over the stored outcomes. A study that was killed goes on exactly where its store ends.
"""

import dataclasses
from collections.abc import Mapping

from bitwright.config import SearchConfig
from bitwright.control.base import Controller
from bitwright.control.converge import iteration_rewards, stopped_by
from bitwright.execute.base import Executor, Job
from bitwright.records import Outcome, Pick
from bitwright.seeds import derive, generator
from bitwright.study.store import Store
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Watcher


@dataclasses.dataclass(frozen=True, slots=True)
class Loop:
    """One study's loop: its parts, and nothing that changes."""

    settings: SearchConfig
    controller: Controller
    store: Store
    executor: Executor
    declared: Mapping[str, tuple[Pick, ...]]
    watcher: Watcher
    spent_before: float = 0.0  # seconds that count against the time limit already

    def run(self) -> StoppedBy:
        """Iterates to the end; returns what ended it."""
        iterations = self._learn_again()
        while (reason := self._reason_to_stop()) is None:
            self._iterate(iterations)
            iterations += 1
        return reason

    def _learn_again(self) -> int:
        """Replays the store's whole iterations into the controller; returns how many there are."""
        groups: dict[int, list[Outcome]] = {}
        for outcome in self.store.outcomes():
            groups.setdefault(outcome.iteration, []).append(outcome)
        whole = 0
        for number in sorted(groups):
            if len(groups[number]) == self.controller.batch:
                self.controller.learn(groups[number])
                whole += 1
        return whole

    def _iterate(self, iteration: int) -> None:
        """One iteration; what was recorded of it before an interrupt is not run again."""
        first = iteration * self.controller.batch
        numbers = range(first, first + self.controller.batch)
        recorded = {outcome.number for outcome in self.store.outcomes(after=first)}
        for number in numbers:
            if number not in recorded:
                self.executor.submit(self._job(number, iteration))
        self._record(first + len(recorded))
        self.controller.learn(self.store.outcomes(after=first))

    def _record(self, due: int) -> None:
        """Stores outcomes in the order of their numbers from `due` on; early ones wait."""
        early: dict[int, Outcome] = {}
        for outcome in self.executor.completions():
            early[outcome.number] = outcome
            while due in early:
                self.store.append(early[due], self.declared)
                self.watcher.trial_done(early.pop(due))
                due += 1

    def _job(self, number: int, iteration: int) -> Job:
        seed = self.settings.seed
        genome = self.controller.propose(number, generator(seed, number, "propose"))
        return Job(number, iteration, genome, derive(seed, number, "trial"))

    def _reason_to_stop(self) -> StoppedBy | None:
        outcomes = self.store.outcomes()
        convergence = self.settings.convergence
        rule = stopped_by(
            iteration_rewards(self._whole(outcomes)),
            iterations=self.settings.iterations,
            window=convergence.window if convergence else None,
            threshold=convergence.threshold if convergence else 0.0,
        )
        if rule is None and self._whole(outcomes) and self._out_of_time(outcomes):
            return "time"
        return rule

    def _whole(self, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """The outcomes of whole iterations."""
        return outcomes[: len(outcomes) // self.controller.batch * self.controller.batch]

    def _out_of_time(self, outcomes: tuple[Outcome, ...]) -> bool:
        if self.settings.minutes is None:
            return False
        spent = sum(seconds for outcome in outcomes for _, seconds in outcome.seconds)
        return self.spent_before + spent >= 60 * self.settings.minutes
