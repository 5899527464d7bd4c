"""Asynchronous successive halving (ASHA, arXiv 1810.05934): all begin small, the best go on.

A *rung* is a part of the training budget. Candidates begin on the lowest one; of those that have
come to a rung's end, the best in `eta` go on to the next one, to `eta` times the budget.

The paper's clock is the worker that has nothing to do; here it is what the study has learned. When
an iteration has been learned, the trials of the next one that is not proposed yet are settled, one
after the other: the best candidate of the highest rung that has one to promote goes on, else a new
one begins. In the paper whoever is among the best in `eta` goes on, so more do where newcomers are
better than those before them; here one in `eta` does. So one seed gives one search, whatever
finished first, and learning the stored outcomes again gives the same trials again.
"""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise

from bitwright.records import Outcome

Ranking = Callable[[Sequence[Outcome], Sequence[Outcome]], Sequence[Outcome]]


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a candidate's training that is one trial.

    It ends at `fidelity`, a part of the whole budget, and starts from fresh weights or where the
    trial `goes_on` ended.
    """

    fidelity: float = 1.0
    goes_on: Outcome | None = None


WHOLE = Stretch()


@dataclasses.dataclass(frozen=True, slots=True)
class Rungs:
    """The parts of the budget, the lowest first: each is `eta` times the one below it."""

    eta: int
    count: int

    @property
    def fidelities(self) -> tuple[float, ...]:
        """Such as 1/9, 1/3, 1.

        >>> Rungs(eta=2, count=3).fidelities
        (0.25, 0.5, 1.0)
        """
        return tuple(float(self.eta) ** -step for step in reversed(range(self.count)))

    def expected(self, trials: int) -> tuple[float, ...]:
        """How many of so many trials end on each rung, if all goes on as in the long run.

        >>> Rungs(eta=3, count=2).expected(40)
        (30.0, 10.0)
        """
        shares = self.fidelities[::-1]  # a rung has one trial for each eta of the one below it
        return tuple(trials * share / sum(shares) for share in shares)


class Halving:
    """Decides which trials go on with a candidate, and to which rung; a fold over the outcomes.

    Of each rung the trials are looked at whose numbers are among the last `window` learned: what is
    older goes on no more. `ranked` puts complete outcomes of one rung in order, the best first; it
    is given those of the next rung too. An iteration has `batch` trials and is proposed `lookahead`
    iterations early.
    """

    def __init__(
        self, rungs: Rungs, ranked: Ranking, *, batch: int, lookahead: int, window: int
    ) -> None:
        self._rungs = rungs
        self._ranked = ranked
        self._batch, self._lookahead, self._window = batch, lookahead, window
        self._ended: dict[float, list[Outcome]] = {part: [] for part in rungs.fidelities}
        self._promoted: set[int] = set()
        self._settled: dict[int, Stretch] = {}  # of the trials that go on, by number
        self._learned = 0

    def stretch(self, number: int) -> Stretch:
        """What the trial of that number does."""
        return self._settled.get(number, Stretch(self._rungs.fidelities[0]))

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Takes in one iteration's outcomes, and settles the trials of the next one to propose."""
        self._learned += len(outcomes)
        for outcome in outcomes:
            if outcome.state == "complete":
                self._ended[outcome.fidelity].append(outcome)
        for part, ended in self._ended.items():
            oldest = self._learned - self._window
            self._ended[part] = [outcome for outcome in ended if outcome.number >= oldest]
        first = self._learned + self._lookahead * self._batch
        for number in range(first, first + self._batch):
            promotion = self._promotion()
            if promotion is None:
                return
            self._settled[number] = promotion

    def _promotion(self) -> Stretch | None:
        """The best that has not gone on yet, of the highest rung that has one."""
        for lower, upper in reversed(list(pairwise(self._rungs.fidelities))):
            ended = self._ended[lower]
            gone_on = sum(outcome.number in self._promoted for outcome in ended)
            if gone_on < len(ended) // self._rungs.eta:
                ranked = self._ranked(ended, self._ended[upper])
                best = next(one for one in ranked if one.number not in self._promoted)
                self._promoted.add(best.number)
                return Stretch(upper, best)
        return None
