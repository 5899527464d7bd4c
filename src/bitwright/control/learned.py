"""One metric of candidates, guessed from what was recorded of others."""

from collections.abc import Sequence

import numpy as np

from bitwright.control.features import Features, Floats
from bitwright.control.gaussian import Ensemble
from bitwright.control.reward import ACCURACY
from bitwright.records import Genome, Outcome

ENOUGH = 8  # measured candidates, before anything is said
REMEMBERED = 1000  # the newest of them: fitting takes their number to the third power
TAIL = 2.0  # so many times as far from the middle as the best, a value is just bad


class LearnedMetric:
    """Learns one metric from outcomes and guesses it of other candidates.

    It is fitted when it is asked for the first time after it has learned. Of values that lie far
    off on the bad side (networks that learned nothing) it learns that they are bad, not how bad:
    what is good would drown in it.
    """

    def __init__(self, name: str, features: Features) -> None:
        self._name = name
        self._features = features
        self._measured: dict[Genome, float] = {}
        self._ensemble: Ensemble | None = None

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Remembers what was measured of complete candidates."""
        for outcome in outcomes:
            value = outcome.metric(self._name)
            if outcome.state == "complete" and value is not None:
                self._measured.pop(outcome.genome, None)  # what is measured again is new
                self._measured[outcome.genome] = value
                self._ensemble = None

    def guess(self, genomes: Sequence[Genome]) -> tuple[Floats, Floats] | None:
        """Each genome's expected value and its standard deviation; None while too few are known."""
        if len(self._measured) < ENOUGH:
            return None
        self._ensemble = self._ensemble or self._fitted()
        return self._ensemble.guess(self._features(genomes))

    def _fitted(self) -> Ensemble:
        known = list(self._measured)[-REMEMBERED:]
        rows = self._features(known)
        values = np.array([self._measured[genome] for genome in known])
        sign = 1.0 if self._name == ACCURACY else -1.0
        return Ensemble(rows, sign * moderate(sign * values), self._features.weights(rows))


def moderate(values: Floats) -> Floats:
    """The values without their tail: of those far under the middle only that they are low.

    >>> moderate(np.array([0.0, 6.0, 7.0, 8.0])).tolist()
    [3.5, 6.0, 7.0, 8.0]
    """
    middle = float(np.median(values))
    return np.maximum(values, middle - TAIL * (float(values.max()) - middle))
