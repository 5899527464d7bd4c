"""Trials as comma-separated values (RFC 4180): one line a trial, a column a metric and a pick."""

import csv
import io
from collections.abc import Sequence

from bitwright.metrics import EVERYWHERE
from bitwright.records import Outcome

FIXED = ("trial", "iteration", "state", "reward")
ESTIMATE = ("estimated_accuracy", "estimated_spread")
LAST = ("epochs", "fidelity", "goes_on", "seconds", "seed", "model", "reason")


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """The trials in the order given; what was not measured or not asked stays empty.

    After the fields and metrics comes a column for each decision, by its path: "body1/0/kernel".
    """
    measured = dict.fromkeys(name for outcome in outcomes for name, _ in outcome.metrics)
    metrics = tuple(dict.fromkeys([*EVERYWHERE, *measured]))
    paths = decision_paths(outcomes)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*FIXED, *metrics, *ESTIMATE, *LAST, *paths])
    for outcome in outcomes:
        picks, guess = outcome.genome.as_dict(), outcome.estimate
        writer.writerow(
            [
                *(outcome.number, outcome.iteration, outcome.state, outcome.reward),
                *(outcome.metric(name) for name in metrics),
                *((guess.accuracy, guess.spread) if guess else (None, None)),
                *(outcome.epochs, outcome.fidelity, outcome.goes_on),
                round(sum(seconds for _, seconds in outcome.seconds), 3),
                *(outcome.seed, outcome.model, outcome.reason),
                *(picks.get(path) for path in paths),
            ]
        )
    return text.getvalue()


def decision_paths(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Every path that some trial decides, each after the one before it in the trial's genome."""
    paths: list[str] = []
    known: set[str] = set()
    for outcome in outcomes:
        at = 0
        for path, _ in outcome.genome.picks:
            if path in known:
                at = paths.index(path) + 1
            else:
                paths.insert(at, path)
                known.add(path)
                at += 1
    return tuple(paths)
