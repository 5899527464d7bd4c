"""One metric of candidates, guessed from what was recorded of others."""

from collections.abc import Sequence

import numpy as np

from bitwright.control.features import Features, Floats
from bitwright.control.gaussian import Ensemble
from bitwright.records import Genome, Outcome

ENOUGH = 8  # measured candidates, before anything is said
REMEMBERED = 1000  # the newest of them: fitting takes their number to the third power


class LearnedMetric:
    """Learns one metric from outcomes and guesses it of other candidates.

    It is fitted when it is asked for the first time after it has learned.
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
        if self._ensemble is None:
            known = list(self._measured)[-REMEMBERED:]
            values = np.array([self._measured[genome] for genome in known])
            self._ensemble = Ensemble(self._features(known), values)
        return self._ensemble.guess(self._features(genomes))
