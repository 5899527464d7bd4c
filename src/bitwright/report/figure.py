"""What the figures share, as plain values in Plotly's JSON form; nothing here imports plotly."""

import dataclasses
import html
import re
import textwrap
from collections.abc import Iterable
from typing import Any

from bitwright.metrics import Metric, ordered
from bitwright.records import Outcome
from bitwright.report import wording
from bitwright.study.view import Entry

Trace = dict[str, Any]

# Okabe and Ito's palette: told apart with any kind of colour vision.
BLUE, GREEN, VERMILION, ORANGE = "#0072b2", "#009e73", "#d55e00", "#e69f00"
PURPLE, SKY = "#cc79a7", "#56b4e9"
BLACK, GREY, PALE = "#1b1f24", "#8a9199", "#e3e7eb"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)  # several of a kind in one figure
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"

_AXIS: dict[str, Any] = {
    "automargin": True,
    "gridcolor": PALE,
    "linecolor": GREY,
    "showline": True,
    "ticks": "outside",
    "tickcolor": GREY,
    "zeroline": False,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Plot:
    """A figure: `name` is its place in the page, `reading` one sentence on how to read it."""

    name: str
    title: str
    reading: str
    data: list[Trace]
    layout: dict[str, Any]


def layout(xaxis: dict[str, Any], yaxis: dict[str, Any], height: int = 420) -> dict[str, Any]:
    """The look that all figures share."""
    return {
        "height": height,
        "autosize": True,
        "font": {"family": FONT, "size": 13, "color": BLACK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 56, "r": 14, "t": 14, "b": 52},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"family": FONT, "size": 12}},
        "showlegend": True,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "reversed",
            "font": {"size": 12},
        },
        "xaxis": _AXIS | xaxis,
        "yaxis": _AXIS | yaxis,
    }


def value(network: Outcome | Entry | None, metric: Metric) -> float | None:
    """What was measured of a trial or an entry; None where nothing was."""
    return None if network is None else network.metric(metric.name)


def anchor(metric: Metric) -> str:
    """The metric's name as it may stand in a page's anchor."""
    return re.sub("[^a-z0-9]+", "-", metric.name.lower())


def lower(title: str) -> str:
    """The title as it stands within a sentence: "packed size", but still "MACs"."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def trial_hover(outcome: Outcome) -> str:
    """What the pointer shows of a trial."""
    head = f"trial {outcome.number}, iteration {outcome.iteration}: reward {outcome.reward:.4f}"
    stage = [wording.stage(outcome)] if wording.staged([outcome]) else []
    lines = [head, *stage, *_measured(outcome)]
    if outcome.state != "complete":
        lines.append(f"{outcome.state}: {wording.first_line(outcome.reason)}")
    lines += [wording.structure(outcome.units), wording.bits(outcome.units, outcome.policy)]
    return hover(lines)


def entry_hover(entry: Entry) -> str:
    """What the pointer shows of the winner or the baseline."""
    lines = [entry.label, *_measured(entry)]
    return hover([*lines, wording.structure(entry.units), wording.bits(entry.units, entry.policy)])


def _measured(network: Outcome | Entry) -> list[str]:
    names = network.measured if isinstance(network, Entry) else dict(network.metrics)
    pairs = ((metric, value(network, metric)) for metric in ordered(names))
    return [
        f"{lower(metric.title)} {metric.show(found)}"
        for metric, found in pairs
        if found is not None
    ]


def hover(lines: Iterable[str]) -> str:
    """Lines for a hover label: wrapped, and escaped since Plotly reads them as markup."""
    wrapped = (part for line in lines for part in textwrap.wrap(line, 56))
    return "<br>".join(html.escape(line) for line in wrapped)
