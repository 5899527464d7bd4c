"""Accuracy against what it costs, every trial beside the winner and the baseline."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bitwright.control.converge import comparable
from bitwright.metrics import ACCURACY, Metric, traded
from bitwright.records import Outcome
from bitwright.report import figure, wording
from bitwright.report.figure import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, Plot, Trace
from bitwright.report.pareto import front
from bitwright.study.view import Entry, StudyView

DECADE = 10.0


def tradeoffs(view: StudyView) -> tuple[Plot, ...]:
    """Held-out accuracy against each cost that was measured of any network."""
    entries = [entry for entry in (view.baseline, wording.winner(view)) if entry]
    names = [name for outcome in view.outcomes for name, _ in outcome.metrics]
    names += [name for entry in entries for name in entry.measured]
    plots = (_tradeoff(view, cost) for cost in traded(names))
    return tuple(plot for plot in plots if plot is not None)


def _tradeoff(view: StudyView, cost: Metric) -> Plot | None:
    measured = [outcome for outcome in view.outcomes if point(outcome, cost) is not None]
    complete = comparable(measured)
    whole = {outcome.number for outcome in complete}
    partly = [o for o in measured if o.state == "complete" and o.number not in whole]
    refused = [outcome for outcome in measured if outcome.state == "infeasible"]
    data = []
    if refused:
        style = {"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": GREY}}
        data.append(scatter("infeasible", refused, cost, style))
    if partly:
        style = {"symbol": "circle-open", "size": 6, "color": GREY, "opacity": 0.6}
        data.append(scatter("trained in part", partly, cost, style))
    if complete:
        style = {"symbol": "circle", "size": 9, "color": BLUE, "opacity": 0.55}
        data += [scatter("trial", complete, cost, style), front_line(complete, cost)]
    marks: tuple[tuple[str, Entry | None, Trace], ...] = (
        ("baseline", view.baseline, {"symbol": "diamond", "size": 13, "color": BLACK}),
        ("winner", wording.winner(view), {"symbol": "star", "size": 18, "color": VERMILION}),
    )
    others = {entry: place for entry in wording.others(view) if (place := point(entry, cost))}
    if others:
        style = {"symbol": "star", "size": 12, "color": ORANGE}
        data.append(_marks("trained to the end", others, style))
    for name, entry, style in marks:
        place = point(entry, cost)
        if entry is not None and place is not None:
            data.append(mark(name, entry, place, style))
    if not data:
        return None
    costs = [x for trace in data for x in trace["x"]]
    return Plot(
        name=f"tradeoff-{figure.anchor(cost)}",
        title=f"Accuracy against {figure.lower(cost.title)}",
        reading="Up and to the left is better: the green steps are the trials that no other trial "
        "beats in both; the star is the network handed over.",
        data=data,
        layout=figure.layout(cost_axis(cost, costs), {"title": {"text": "Held-out accuracy (%)"}}),
    )


def point(network: Outcome | Entry | None, cost: Metric) -> tuple[float, float] | None:
    """Cost and accuracy in their units; None where one of them is unknown."""
    x, y = figure.value(network, cost), figure.value(network, ACCURACY)
    if x is None or y is None or not math.isfinite(x + y):
        return None
    return cost.scaled(x), ACCURACY.scaled(y)


def cost_axis(cost: Metric, values: Sequence[float]) -> dict[str, Any]:
    """The cost's axis; logarithmic where the values span a decade."""
    logarithmic = min(values) > 0 and max(values) / min(values) >= DECADE
    note = ", log scale" if logarithmic else ""
    axis: dict[str, Any] = {"title": {"text": f"{cost.title} ({cost.unit}{note})"}}
    if logarithmic:
        axis |= {"type": "log", "tickvals": _ticks(min(values), max(values))}
    return axis


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten, from just under `low` to just over `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 100 * DECADE else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if low / 2 < tick < high * 2]


def _points(outcomes: Sequence[Outcome], cost: Metric) -> list[tuple[float, float]]:
    places = (point(outcome, cost) for outcome in outcomes)
    return [place for place in places if place is not None]


def scatter(name: str, outcomes: Sequence[Outcome], cost: Metric, marker: dict[str, Any]) -> Trace:
    """A dot for each trial that has both measured."""
    points = _points(outcomes, cost)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "text": [figure.trial_hover(outcome) for outcome in outcomes],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
    }


def front_line(
    outcomes: Sequence[Outcome], cost: Metric, name: str = "Pareto front", colour: str = GREEN
) -> Trace:
    """The steps of the trials that no other beats in both; a ring around it where it is one."""
    points = _points(outcomes, cost)
    best = sorted(points[index] for index in front(points, ("min", "max")))
    return {
        "type": "scatter",
        "mode": "lines" if len(best) > 1 else "markers",
        "name": name,
        "x": [x for x, _ in best],
        "y": [y for _, y in best],
        "line": {"shape": "hv", "color": colour, "width": 2},
        "marker": {"symbol": "circle-open", "size": 15, "color": colour, "line": {"width": 2}},
        "hoverinfo": "skip",
    }


def mark(name: str, entry: Entry, place: tuple[float, float], style: Trace) -> Trace:
    """One network that stands out."""
    return _marks(name, {entry: place}, style)


def _marks(name: str, entries: Mapping[Entry, tuple[float, float]], style: Trace) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for x, _ in entries.values()],
        "y": [y for _, y in entries.values()],
        "text": [figure.entry_hover(entry) for entry in entries],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {**style, "line": {"color": "white", "width": 1.5}},
    }
