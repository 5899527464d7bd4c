"""Model files side by side on one target: tables for the terminal, JSON, and a page with plots."""

import itertools
from collections.abc import Sequence
from html import escape
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bitwright.metrics import ACCURACY, MISSING, TEST_ACCURACY, Metric, compared, traded
from bitwright.report import figure, markup, sections, tradeoff, wording
from bitwright.report.compare_tables import Sheet, framed_sheet
from bitwright.report.figure import SERIES, Plot, Trace
from bitwright.report.page import Page, Part
from bitwright.study.view import ModelView


def sheets(models: Sequence[ModelView]) -> tuple[Sheet, ...]:
    """What was measured of each, and how."""
    header = ("", *(model.entry.label for model in models))
    metrics = compared(model.entry for model in models)
    rows = [(m.title, *(m.tell(model.entry) for model in models)) for m in metrics]
    facts = dict.fromkeys(name for model in models for name, _ in model.context)
    how = [
        (wording.kind_words(name), *(dict(model.context).get(name, MISSING) for model in models))
        for name in facts
    ]
    data = [model.data or MISSING for model in models]
    tested = [MISSING if model.tested is None else f"{model.tested:,}" for model in models]
    bits = [wording.bits(model.entry.units, model.entry.policy) for model in models]
    told = [
        ("target", *(model.target for model in models)),
        *how,
        ("accuracy is of", *data),
        ("images tested now", *tested),
        ("bits", *(text or MISSING for text in bits)),
    ]
    return (
        Sheet("models", f"Measured on {models[0].target}", header, tuple(rows)),
        Sheet("how", "How", header, tuple(told)),
    )


def notes(models: Sequence[ModelView]) -> tuple[str, ...]:
    """What may not be compared, one sentence each."""
    known = {model.data for model in models if model.data is not None}
    found = []
    if len(known) > 1:
        found.append("The data sets differ: accuracies do not compare; name one with --data.")
    if any(model.data is None for model in models):
        found.append("Of some models no accuracy is known; name their data with --data.")
    return tuple(found)


def terminal(models: Sequence[ModelView]) -> RenderableType:
    """The tables, one below the other, and what may not be compared."""
    parts: list[RenderableType] = [framed_sheet(sheet) for sheet in sheets(models)]
    return Group(*parts, *(Text(note, style="yellow") for note in notes(models)))


def as_json(model: ModelView) -> dict[str, Any]:
    """One model as plain JSON values."""
    spread = model.entry.latency_spread_ms
    return {
        "model": model.path,
        "target": model.target,
        "metrics": model.entry.measured,
        "latency_spread_ms": spread,
        "context": dict(model.context),
        "data": model.data,
        "tested": model.tested,
        "policy": {str(site): str(method) for site, method in model.entry.policy},
    }


def render(models: Sequence[ModelView]) -> str:
    """The page that compares them."""
    costs = traded(name for model in models for name in model.entry.measured)
    plots = [plot for cost in costs if (plot := _plot(models, cost)) is not None]
    first, *rest = sheets(models)
    page = Page(
        kind="Bitwright comparison",
        name=escape(" / ".join(model.entry.label for model in models)),
        badge="",
        headline=f"{len(models)} models side by side",
        subtitle=escape(" ".join(notes(models))),
        top=_table(first),
        parts=(
            Part("tradeoffs", "Accuracy against cost", sections.plots(plots)),
            *(Part(sheet.name, sheet.title, _table(sheet)) for sheet in rest),
        ),
        plots=tuple(plots),
    )
    return page.render()


def _plot(models: Sequence[ModelView], cost: Metric) -> Plot | None:
    """Accuracy against one cost, a star for each model; None where fewer than two have both."""
    accuracy = _accuracy(models)
    data: list[Trace] = []
    for model, colour in zip(models, itertools.cycle(SERIES), strict=False):
        x, y = figure.value(model.entry, cost), figure.value(model.entry, accuracy)
        if x is None or y is None:
            continue
        place = cost.scaled(x), accuracy.scaled(y)
        style = {"symbol": "star", "size": 16, "color": colour}
        data.append(tradeoff.mark(escape(model.entry.label), model.entry, place, style))
    if len(data) < 2:
        return None
    costs = [x for trace in data for x in trace["x"]]
    axis = {"title": {"text": f"{accuracy.title} ({accuracy.unit})"}}
    layout = figure.layout(tradeoff.cost_axis(cost, costs), axis)
    layout["legend"]["traceorder"] = "normal"  # that of the table
    return Plot(
        name=f"models-{figure.anchor(cost)}",
        title=f"Accuracy against {figure.lower(cost.title)}",
        reading="Up and to the left is better.",
        data=data,
        layout=layout,
    )


def _accuracy(models: Sequence[ModelView]) -> Metric:
    """The accuracy that most of them have."""
    tested = sum(model.entry.test_accuracy is not None for model in models)
    held = sum(model.entry.accuracy is not None for model in models)
    return TEST_ACCURACY if tested >= held else ACCURACY


def _table(sheet: Sheet) -> str:
    rows = [[escape(cell) for cell in row] for row in sheet.rows]
    return markup.table(sheet.header, rows, "numbers" if sheet.name == "models" else "")
