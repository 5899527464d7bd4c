"""The tables of a comparison, as texts: for the terminal and for the page alike."""

import dataclasses
from collections import Counter
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bitwright.metrics import MISSING, compared
from bitwright.report.comparing import Comparison
from bitwright.report.figure import lower
from bitwright.report.json_view import as_json
from bitwright.report.tables import framed
from bitwright.study.view import StudyView

FOUND = "found"
TEXTS = frozenset({"settings", "how"})  # sheets whose cells are not numbers


@dataclasses.dataclass(frozen=True, slots=True)
class Sheet:
    """One table: the first column names the row, then comes one for each study."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def sheets(comparison: Comparison) -> tuple[Sheet, ...]:
    """What each study found, then how it got there, then the settings that differ."""
    header = ("", *comparison.labels)
    return (
        Sheet(FOUND, "What they found", header, _found(comparison)),
        Sheet(
            "dominated",
            "What they dominate",
            header,
            tuple(
                (f"accuracy against {lower(item.cost.title)}", *map(_share, item.shares))
                for item in comparison.dominated
            ),
            "Hypervolume: the part of the box from a tenth beyond the worst to the best trial of "
            "all studies that a study's Pareto set dominates.",
        ),
        Sheet(
            "reward-table",
            "Best reward so far",
            header,
            tuple(
                (f"after {count:,} trials", *(_reward(value) for value in values))
                for count, values in comparison.rewards
            ),
        ),
        Sheet(
            "settings",
            "Settings that differ",
            header,
            tuple((key, *values) for key, values in comparison.settings),
        ),
    )


def terminal(comparison: Comparison) -> RenderableType:
    """All tables, one below the other, and what may not be compared."""
    parts: list[RenderableType] = [
        framed_sheet(sheet) for sheet in sheets(comparison) if sheet.rows
    ]
    parts += [Text(note, style="yellow") for note in comparison.notes]
    return Group(*parts)


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values; lists go in the order of the studies."""
    return {
        "studies": [
            {"label": label, **as_json(view)}
            for label, view in zip(comparison.labels, comparison.views, strict=True)
        ],
        "settings": {key: list(values) for key, values in comparison.settings},
        "rewards": [
            {"trials": count, "best": list(values)} for count, values in comparison.rewards
        ],
        "hypervolume": {item.cost.name: list(item.shares) for item in comparison.dominated},
        "notes": list(comparison.notes),
    }


def _found(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    views = comparison.views
    rows = [
        ("trials", *(_tally(view) for view in views)),
        ("time in trials", *(_minutes(view) for view in views)),
        ("best reward", *(_reward(view.best.reward if view.best else None) for view in views)),
    ]
    groups = (
        ("final", [view.final for view in views]),
        ("best", [view.best for view in views]),
        ("baseline", [view.baseline for view in views]),
    )
    for name, entries in groups:
        rows += [
            (f"{name}: {lower(metric.title)}", *(metric.tell(entry) for entry in entries))
            for metric in compared(entries)
        ]
    return tuple(rows)


def _tally(view: StudyView) -> str:
    """Such as "40 (3 infeasible)"."""
    others = Counter(o.state for o in view.outcomes if o.state != "complete")
    told = ", ".join(f"{count} {state}" for state, count in sorted(others.items()))
    return f"{len(view.outcomes)}" + (f" ({told})" if told else "")


def _minutes(view: StudyView) -> str:
    seconds = sum(part for outcome in view.outcomes for _, part in outcome.seconds)
    return f"{seconds / 60:.1f} min"


def _reward(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def framed_sheet(sheet: Sheet) -> RenderableType:
    """The sheet as a table for the terminal; texts to the left, numbers to the right."""
    table = framed(sheet.title)
    table.caption = sheet.note or None
    table.add_column("")
    for label in sheet.header[1:]:
        table.add_column(Text(label), justify="left" if sheet.name in TEXTS else "right")
    for row in sheet.rows:
        table.add_row(*map(Text, row))
    return table
