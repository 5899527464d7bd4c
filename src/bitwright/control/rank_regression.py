"""A guess from a score that only orders: a line from the score's rank to the value."""

import numpy as np

from bitwright.control.features import Floats


class RankRegression:
    """Values (N,) of some scores (N,), N at least 3, regressed on the scores' ranks.

    Only the order of scores counts: no rescaling of them that keeps it changes a guess. The slope
    may be negative, where a score orders the other way round.
    """

    def __init__(self, scores: Floats, values: Floats) -> None:
        self._known = np.sort(scores)
        ranks = self._rank(scores)
        centred = ranks - ranks.mean()
        around = float(centred @ centred)
        self._slope = float(centred @ values) / around if around else 0.0
        self._level = float(values.mean()) - self._slope * float(ranks.mean())
        missed = values - self._level - self._slope * ranks
        self._spread = float(np.sqrt(missed @ missed / (len(values) - 2)))

    def guess(self, scores: Floats) -> tuple[Floats, Floats]:
        """The expected value of each score and its standard deviation."""
        return self._level + self._slope * self._rank(scores), np.full(len(scores), self._spread)

    def _rank(self, scores: Floats) -> Floats:
        """Where among the known scores each one lies, 0 to 1; equal ones lie in their middle."""
        below, up_to = (np.searchsorted(self._known, scores, side) for side in ("left", "right"))
        ranks: Floats = (below + up_to) / (2 * len(self._known))
        return ranks
