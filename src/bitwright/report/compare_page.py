"""Several studies on one page: their Pareto fronts and rewards over each other, and the tables."""

import itertools
from collections.abc import Iterator
from html import escape
from pathlib import Path

from bitwright.control.converge import comparable
from bitwright.metrics import Metric, traded
from bitwright.report import figure, markup, progress, sections, tradeoff, wording
from bitwright.report.compare_tables import FOUND, Sheet, sheets
from bitwright.report.comparing import Comparison
from bitwright.report.figure import SERIES, Plot, Trace
from bitwright.report.page import Page, Part, save
from bitwright.study.view import StudyView

Series = tuple[str, StudyView, str]  # label, study, colour


def write(comparison: Comparison, path: Path) -> None:
    """Writes the page; StoreError where it cannot be written."""
    save(render(comparison), path)


def render(comparison: Comparison) -> str:
    """The whole page."""
    tables = sheets(comparison)
    outcomes = [outcome for view in comparison.views for outcome in view.outcomes]
    costs = traded(name for outcome in outcomes for name, _ in outcome.metrics)
    fronts = [plot for cost in costs if (plot := _fronts(comparison, cost)) is not None]
    curves = _rewards(comparison)
    page = Page(
        kind="Bitwright comparison",
        name=escape(" / ".join(comparison.labels)),
        badge="",
        headline=f"{len(comparison.labels)} studies side by side",
        subtitle=escape(" ".join(comparison.notes)),
        top=_table(tables[0]),
        parts=(
            Part("fronts", "Accuracy against cost", sections.plots(fronts)),
            Part("search", "The search", sections.plots(curves)),
            *(Part(sheet.name, sheet.title, _table(sheet)) for sheet in tables[1:]),
        ),
        plots=(*fronts, *curves),
    )
    return page.render()


def _series(comparison: Comparison) -> Iterator[Series]:
    return zip(comparison.labels, comparison.views, itertools.cycle(SERIES), strict=False)


def _fronts(comparison: Comparison, cost: Metric) -> Plot | None:
    """Every study's trials and Pareto front; the network it handed over as a star."""
    data: list[Trace] = []
    for label, view, colour in _series(comparison):
        complete = comparable(view.outcomes)
        complete = [outcome for outcome in complete if tradeoff.point(outcome, cost) is not None]
        if not complete:
            continue
        name = escape(label)
        dots = {"symbol": "circle", "size": 7, "color": colour, "opacity": 0.35}
        trials = tradeoff.scatter(name, complete, cost, dots)
        data.append({**trials, "showlegend": False, "legendgroup": name})
        line = tradeoff.front_line(complete, cost, name, colour)
        data.append({**line, "legendgroup": name})
        entry = wording.winner(view)
        place = tradeoff.point(entry, cost)
        if entry is not None and place is not None:
            star = tradeoff.mark(
                name, entry, place, {"symbol": "star", "size": 16, "color": colour}
            )
            data.append({**star, "showlegend": False, "legendgroup": name})
    if not data:
        return None
    costs = [x for trace in data for x in trace["x"]]
    accuracy = {"title": {"text": "Held-out accuracy (%)"}}
    return Plot(
        name=f"fronts-{figure.anchor(cost)}",
        title=f"Accuracy against {figure.lower(cost.title)}",
        reading="Up and to the left is better: the steps are each study's Pareto front, its star "
        "the network that it handed over.",
        data=data,
        layout=figure.layout(tradeoff.cost_axis(cost, costs), accuracy),
    )


def _rewards(comparison: Comparison) -> tuple[Plot, ...]:
    """The best reward so far of every study over its trials."""
    data = []
    for label, view, colour in _series(comparison):
        complete = comparable(view.outcomes)
        if complete:
            data.append(progress.best_so_far(complete, escape(label), colour))
    if not data:
        return ()
    trials, reward = {"title": {"text": "Trial (number)"}}, {"title": {"text": "Reward (no unit)"}}
    plot = Plot(
        name="rewards",
        title="Best reward so far",
        reading="How quickly each study found what it found.",
        data=data,
        layout=figure.layout(trials, reward),
    )
    return (plot,)


def _table(sheet: Sheet) -> str:
    if not sheet.rows:
        return ""
    rows = [[escape(cell) for cell in row] for row in sheet.rows]
    css = "numbers" if sheet.name != "settings" else ""
    note = markup.paragraph(sheet.note, "note") if sheet.note else ""
    heading = f"<h3>{escape(sheet.title)}</h3>" if sheet.name == FOUND else ""
    return heading + markup.table(sheet.header, rows, css) + note
