"""An evaluator: looks at each candidate after a short training, and drops the hopeless ones."""

import dataclasses

from bitwright.execute.base import Evaluator, Job, Workbench
from bitwright.execute.place import Place
from bitwright.records import Outcome
from bitwright.train.candidate import ScratchEvaluator

SHARE = 0.25  # of the epochs are trained for the look
LEAST = 0.3  # accuracy by then, or the candidate is not trained on


class EarlyLook(Evaluator):
    """Most of the time goes to candidates that promise something (arXiv 1603.06560).

    A candidate that is dropped keeps what the short training gave: its reward is low, and true.
    """

    def __init__(self, bench: Workbench) -> None:
        epochs = SHARE * bench.budget.epochs
        short = bench.budget.model_copy(update={"epochs": epochs})
        self._look = ScratchEvaluator(dataclasses.replace(bench, budget=short))
        self._whole = ScratchEvaluator(bench)

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """What the whole training gave, or the look alone."""
        look = self._look.evaluate(job, place)
        looked = ("look", sum(seconds for _, seconds in look.seconds))
        if look.state != "complete" or (look.metric("accuracy") or 0.0) < LEAST:
            return dataclasses.replace(look, seconds=(looked,))
        whole = self._whole.evaluate(job, place)
        return dataclasses.replace(whole, seconds=(looked, *whole.seconds))
