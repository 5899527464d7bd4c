"""Keeps a study's folder small: the files of networks that are beaten in everything are deleted."""

from collections.abc import Sequence

from bitwright.control.converge import winner
from bitwright.execute.weights import KEPT, checkpoint_file, learned_by, weights_file
from bitwright.records import Outcome
from bitwright.study.folder import Folder
from bitwright.study.reading import pareto
from bitwright.study.watch import Watcher

PRUNE_EVERY = 50  # trials


def prune(outcomes: Sequence[Outcome], folder: Folder) -> tuple[Outcome, ...]:
    """Deletes the files of trials that are neither the result nor in the Pareto set.

    Returns the other trials. Those alone need to be looked at with trials to come: who is beaten
    stays beaten.
    """
    kept = {entry.trial for entry in pareto(tuple(outcomes))}
    if any(outcome.state == "complete" for outcome in outcomes):
        kept |= {winner(outcomes, rule).number for rule in ("best", "last")}
    for outcome in outcomes:
        if outcome.model is not None and outcome.number not in kept:
            (folder.path / outcome.model).unlink(missing_ok=True)
    return tuple(outcome for outcome in outcomes if outcome.number in kept)


class Pruning(Watcher):
    """Hears of trials in place of another watcher, tells it, and prunes now and then.

    Candidates are proposed while at most `ahead` trials before them are not recorded: so long are
    the weights of relatives kept that they may name, and the checkpoints that they may go on from.
    A checkpoint that was gone on from, or that nothing can go on from, is deleted at once.
    """

    def __init__(
        self, inner: Watcher, done: Sequence[Outcome], folder: Folder, ahead: int = 0
    ) -> None:
        self._inner, self._folder, self._ahead = inner, folder, ahead
        self._with_files = list(done)
        self._count = 0

    def trial_done(self, outcome: Outcome) -> None:
        """Counts."""
        self._inner.trial_done(outcome)
        if outcome.goes_on is not None:
            checkpoint_file(self._folder.path, outcome.goes_on).unlink(missing_ok=True)
        if outcome.state != "complete":
            checkpoint_file(self._folder.path, outcome.number).unlink(missing_ok=True)
        self._with_files.append(outcome)
        self._count += 1
        if self._count % PRUNE_EVERY == 0:
            self._with_files = list(prune(self._with_files, self._folder))
            self._prune_weights(outcome.number - KEPT - self._ahead)

    def _prune_weights(self, end: int) -> None:
        """Deletes the weights and checkpoints of trials before `end`."""
        for path in weights_file(self._folder.path, 0).parent.glob("*.pt"):
            if learned_by(path) < end:
                path.unlink()
