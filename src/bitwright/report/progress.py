"""How the search went and how the networks learned: reward over trials, training curves."""

import html
import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from bitwright.control.converge import comparable, iteration_reward
from bitwright.records import Outcome, State
from bitwright.report import figure, wording
from bitwright.report.figure import BLACK, BLUE, GREY, ORANGE, VERMILION, Plot, Trace
from bitwright.study.view import Entry, StudyView

_PARTLY_NOTE = " Lines go through trials that were trained to the end; the others are open circles."
_REFUSED_NOTE = (
    " Trials that broke a limit or failed lie on the lower edge, whatever their negative reward."
)


def rewards(view: StudyView) -> tuple[Plot, ...]:
    """The reward of every trial, in the order given; nothing before the first."""
    if not view.outcomes:
        return ()
    everything = [outcome for outcome in view.outcomes if outcome.state == "complete"]
    complete = comparable(everything)
    partly = [outcome for outcome in everything if outcome.fidelity < complete[0].fidelity]
    floor = _floor(everything)
    data = []
    if partly:
        data.append(_rewards(partly, "trained in part", GREY, "circle-open"))
    if complete:
        data += [_rewards(complete), best_so_far(complete), _iterations(complete)]
    states: tuple[tuple[State, str, str], ...] = (
        ("infeasible", "x", ORANGE),
        ("failed", "triangle-down", VERMILION),
    )
    for state, symbol, colour in states:
        refused = [outcome for outcome in view.outcomes if outcome.state == state]
        if refused:
            data.append(_refused(state, refused, floor, symbol, colour))
    look = figure.layout(
        {"title": {"text": "Trial (number)"}}, {"title": {"text": "Reward (no unit)"}}
    )
    _annotate_end(look, view.outcomes[-1].number, wording.ending(view))
    notes = (_PARTLY_NOTE if partly else "") + (_REFUSED_NOTE if floor is not None else "")
    plot = Plot(
        name="reward",
        title="Reward over the search",
        reading="Each dot is one trained network, the black line the best so far, the dotted line "
        "each iteration's reward, by which convergence is judged: its best trial's; the dashed red "
        f"line is where the search stands.{notes}",
        data=data,
        layout=look,
    )
    return (plot,)


def _floor(complete: Sequence[Outcome]) -> float | None:
    """The height at which refused trials are drawn; None to draw them where they are."""
    if not complete:
        return None
    rewards = [outcome.reward for outcome in complete]
    return min(rewards) - 0.2 * ((max(rewards) - min(rewards)) or abs(max(rewards)) or 1.0)


def _rewards(
    outcomes: Sequence[Outcome], name: str = "trial", colour: str = BLUE, symbol: str = "circle"
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [outcome.number for outcome in outcomes],
        "y": [outcome.reward for outcome in outcomes],
        "text": [figure.trial_hover(outcome) for outcome in outcomes],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 8, "symbol": symbol, "color": colour, "opacity": 0.6},
    }


def best_so_far(
    outcomes: Sequence[Outcome], name: str = "best so far", colour: str = BLACK
) -> Trace:
    """The highest reward up to each of these complete trials."""
    best: list[float] = []
    for outcome in outcomes:
        best.append(max([outcome.reward, *best[-1:]]))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [outcome.number for outcome in outcomes],
        "y": best,
        "line": {"shape": "hv", "color": colour, "width": 2},
        "hoverinfo": "skip",
    }


def _iterations(outcomes: Sequence[Outcome]) -> Trace:
    """The reward of every iteration that has a complete trial, over the middle of its trials."""
    groups: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.iteration, []).append(outcome)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "iteration",
        "x": [fmean(outcome.number for outcome in group) for group in groups.values()],
        "y": [iteration_reward(group) for group in groups.values()],
        "line": {"color": BLUE, "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _refused(
    name: str, outcomes: Sequence[Outcome], floor: float | None, symbol: str, colour: str
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [outcome.number for outcome in outcomes],
        "y": [outcome.reward if floor is None else floor for outcome in outcomes],
        "text": [figure.trial_hover(outcome) for outcome in outcomes],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 9, "symbol": symbol, "color": colour},
    }


def _annotate_end(look: dict[str, Any], last: int, ending: str) -> None:
    look["shapes"] = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": last + 0.5,
            "x1": last + 0.5,
            "y0": 0,
            "y1": 1,
            "line": {"color": VERMILION, "width": 1.5, "dash": "dash"},
        }
    ]
    look["annotations"] = [
        {
            "x": last + 0.5,
            "xanchor": "right",
            "xshift": -6,
            "yref": "paper",
            "y": 0.08,
            "yanchor": "bottom",
            "showarrow": False,
            "text": ending,
            "font": {"color": VERMILION},
            "bgcolor": "rgba(255,255,255,0.85)",
        }
    ]
    look["xaxis"]["range"] = [-0.5 - last * 0.02, last + 1.0 + last * 0.02]


def training(view: StudyView) -> tuple[Plot, ...]:
    """Training loss and held-out accuracy of all that was trained to the end, and the teacher."""
    entries = (
        *((entry, ORANGE, "solid") for entry in wording.others(view)),
        (wording.winner(view), VERMILION, "solid"),
        (view.baseline, BLACK, "dash"),
        (view.teacher, BLUE, "dot"),
    )
    runs = [
        (entry.label if isinstance(entry, Entry) else "teacher", entry.curve, colour, dash)
        for entry, colour, dash in entries
        if entry is not None and entry.curve
    ]
    if not runs:
        return ()
    losses = [
        _curve(label, [(e, loss) for e, loss, _ in curve], colour, dash)
        for label, curve, colour, dash in runs
    ]
    accuracies = [
        _curve(label, [(e, 100 * a) for e, _, a in curve if a is not None], colour, dash)
        for label, curve, colour, dash in runs
    ]
    epochs = {"title": {"text": "Epoch (passes over the training data)"}}
    return (
        Plot(
            name="training-loss",
            title="Training loss",
            reading="A curve that is still falling at its end had not finished learning. Where a "
            "teacher teaches, the losses hold its part.",
            data=losses,
            layout=figure.layout(epochs, {"title": {"text": "Training loss (no unit)"}}, 340),
        ),
        Plot(
            name="training-accuracy",
            title="Held-out accuracy while training",
            reading="Measured with the quantization in force, on samples that training never saw.",
            data=accuracies,
            layout=figure.layout(epochs, {"title": {"text": "Held-out accuracy (%)"}}, 340),
        ),
    )


def _curve(label: str, points: list[tuple[float, float]], colour: str, dash: str) -> Trace:
    points = [point for point in points if all(map(math.isfinite, point))]
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(points) <= 60 else "lines",
        "name": html.escape(label),
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {"size": 5},
    }
