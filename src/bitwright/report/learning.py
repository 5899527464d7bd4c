"""How candidates learned: their curves over the epochs, those that were trained on in stages apart.

A candidate is one trial, or several of which each went on from the one before it.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from bitwright.records import Outcome
from bitwright.report import figure
from bitwright.report.figure import BLUE, GREY, VERMILION, Plot, Trace
from bitwright.study.view import StudyView

CANDIDATE, WENT_ON, BEST = "candidate", "went on", "best"
Point = tuple[float, float, str]  # epoch, value, what the pointer shows


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """The trials that one candidate was trained in, the first one first."""

    trials: tuple[Outcome, ...]

    @property
    def accuracies(self) -> list[Point]:
        """The held-out accuracy in percent, wherever it was measured: at the end of each trial."""
        found = {
            epoch: (100 * accuracy, figure.trial_hover(trial))
            for trial in self.trials
            for epoch, _, accuracy in trial.curve
            if accuracy is not None
        }
        return [(epoch, *found[epoch]) for epoch in sorted(found)]

    @property
    def losses(self) -> list[Point]:
        """The training loss along the longest training: its last trial's curve holds them all."""
        last = self.trials[-1]
        return [(epoch, loss, figure.trial_hover(last)) for epoch, loss, _ in last.curve]


Line = tuple[Candidate, list[Point]]


def candidates(outcomes: Iterable[Outcome]) -> tuple[Candidate, ...]:
    """All candidates that were trained, in the order of their first trials."""
    found: dict[int, Candidate] = {}  # by the number of their last trial
    for outcome in outcomes:
        before = None if outcome.goes_on is None else found.get(outcome.goes_on)
        if not outcome.curve:
            continue
        if before is not None and outcome.goes_on is not None:
            del found[outcome.goes_on]
        trials = (*before.trials, outcome) if before else (outcome,)
        found[outcome.number] = Candidate(trials)
    return tuple(sorted(found.values(), key=lambda one: one.trials[0].number))


def curves(view: StudyView) -> tuple[Plot, ...]:
    """Accuracy and loss of every candidate over its epochs; nothing where none has a curve."""
    everyone = candidates(view.outcomes)
    best = view.best.trial if view.best else None
    plots = (
        _plot(
            ("learning-accuracy", "Held-out accuracy of the candidates", "Held-out accuracy (%)"),
            [(one, one.accuracies) for one in everyone],
            best,
        ),
        _plot(
            ("learning-loss", "Training loss of the candidates", "Training loss (no unit)"),
            [(one, one.losses) for one in everyone],
            best,
        ),
    )
    return tuple(plot for plot in plots if plot is not None)


def _plot(texts: tuple[str, str, str], lines: Sequence[Line], best: int | None) -> Plot | None:
    """The figure; None where no candidate has more than a point."""
    name, title, unit = texts
    if all(len(points) < 2 for _, points in lines):
        return None
    data = _traces(lines, best)
    staged = any(trace["name"] == WENT_ON for trace in data)
    blue = " Blue ones were trained on, stage by stage." if staged else ""
    return Plot(
        name=name,
        title=title,
        reading=f"Each line is a candidate.{blue} The best trial's is red.",
        data=data,
        layout=figure.layout(
            {"title": {"text": "Epoch (passes over the training data)"}},
            {"title": {"text": unit}},
            340,
        ),
    )


def _traces(lines: Sequence[Line], best: int | None) -> list[Trace]:
    """One trace for each class of candidate, the faintest first."""
    classes: dict[str, list[list[Point]]] = {CANDIDATE: [], WENT_ON: [], BEST: []}
    for one, points in lines:
        if best in [trial.number for trial in one.trials]:
            classes[BEST].append(points)
        else:
            classes[WENT_ON if len(one.trials) > 1 else CANDIDATE].append(points)
    styles = {CANDIDATE: (GREY, 1, 0.4), WENT_ON: (BLUE, 1.5, 0.75), BEST: (VERMILION, 3, 1)}
    return [_trace(name, classes[name], *styles[name]) for name in classes if any(classes[name])]


def _trace(name: str, lines: list[list[Point]], colour: str, width: float, opacity: float) -> Trace:
    """All the lines as one trace, with gaps between them."""
    gap: tuple[None, None, str] = (None, None, "")
    points: list[tuple[float | None, float | None, str]] = []
    for line in lines:
        points += [*(point for point in line if math.isfinite(point[1])), gap]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [x for x, _, _ in points],
        "y": [y for _, y, _ in points],
        "text": [text for _, _, text in points],
        "hovertemplate": "%{text}<extra></extra>",
        "connectgaps": False,
        "opacity": opacity,
        "line": {"color": colour, "width": width},
        "marker": {"size": 4, "color": colour},
    }
