"""Keeps a study's folder small: the files of networks that are beaten in everything are deleted."""

from bitwright.control.converge import winner
from bitwright.records import Outcome
from bitwright.study.folder import Folder
from bitwright.study.reading import pareto
from bitwright.study.store import Store
from bitwright.study.watch import Watcher

PRUNE_EVERY = 50  # trials


def prune(store: Store, folder: Folder) -> None:
    """Deletes the files of trials that are neither the result nor in the Pareto set."""
    outcomes = store.outcomes()
    kept = {entry.model for entry in pareto(outcomes)}
    if any(outcome.state == "complete" for outcome in outcomes):
        kept |= {winner(outcomes, rule).model for rule in ("best", "last")}
    for outcome in outcomes:
        if outcome.model is not None and outcome.model not in kept:
            (folder.path / outcome.model).unlink(missing_ok=True)


class Pruning(Watcher):
    """Hears of trials in place of another watcher, tells it, and prunes now and then."""

    def __init__(self, inner: Watcher, store: Store, folder: Folder) -> None:
        self._inner, self._store, self._folder = inner, store, folder
        self._count = 0

    def trial_done(self, outcome: Outcome) -> None:
        """Counts."""
        self._inner.trial_done(outcome)
        self._count += 1
        if self._count % PRUNE_EVERY == 0:
            prune(self._store, self._folder)
