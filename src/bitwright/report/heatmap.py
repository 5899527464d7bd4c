"""The sensitivity of every kind of unit to every method as a heat map (M4)."""

from collections.abc import Sequence
from html import escape
from typing import Any

from bitwright.quant.spec import ROLES, Role
from bitwright.report import figure, wording
from bitwright.report.figure import Plot
from bitwright.study.view import SensitivityRow

CROSS = "\N{MULTIPLICATION X}"
_SCALE = [
    [0.0, "#2c7bb6"],
    [0.25, "#a6cfe5"],
    [0.5, "#f7f7f7"],
    [0.75, "#fdb77a"],
    [1.0, "#c4480c"],
]
_ROW_HEIGHT = 30


def heat_maps(rows: Sequence[SensitivityRow]) -> tuple[Plot, ...]:
    """One map for weights, one for activations, on one colour scale; only what was measured."""
    limit = max((abs(row.loss) for row in rows), default=0.0) or 1.0
    found = ((role, [row for row in rows if row.role == role]) for role in ROLES)
    return tuple(_heat_map(some, role, 100 * limit) for role, some in found if some)


def _heat_map(rows: Sequence[SensitivityRow], role: Role, limit: float) -> Plot:
    cells = {(row.method, row.unit): row for row in rows}
    methods = list(dict.fromkeys(row.method for row in rows))
    units = list(dict.fromkeys(row.unit for row in rows))
    grid = [[cells.get((method, unit)) for unit in units] for method in methods]
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": [escape(wording.kind_words(unit)).replace(" ", "<br>") for unit in units],
        "y": [escape(wording.short_method(method, role)) for method in methods],
        "z": [[None if row is None else 100 * row.loss for row in line] for line in grid],
        "text": [[_label(row) for row in line] for line in grid],
        "customdata": [[_hover(row) for row in line] for line in grid],
        "texttemplate": "%{text}",
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "colorscale": _SCALE,
        "zmin": -limit,
        "zmax": limit,
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"title": {"text": "loss<br>(%)"}, "thickness": 12, "outlinewidth": 0},
    }
    look = figure.layout(
        {
            "title": {"text": "Kind of unit"},
            "ticks": "",
            "showline": False,
            "autotickangles": [0, 90],
            "tickfont": {"size": 11},
        },
        {"title": {"text": "Method"}, "autorange": "reversed", "ticks": "", "showline": False},
        160 + _ROW_HEIGHT * max(3, len(methods)),
    )
    look["showlegend"] = False
    return Plot(
        name=f"sensitivity-{role}",
        title=f"Sensitivity of {role}s",
        reading="What the whole network loses, in percent, when only this kind of unit takes this "
        f"method instead of the others: orange hurts, blue helps; {CROSS} was filtered out.",
        data=[trace],
        layout=look,
    )


def _label(row: SensitivityRow | None) -> str:
    if row is None:
        return ""
    return f"{100 * row.loss:+.1f}" + ("" if row.kept else f" {CROSS}")


def _hover(row: SensitivityRow | None) -> str:
    if row is None:
        return ""
    latency = "not timed" if row.latency_growth is None else f"{100 * row.latency_growth:+.2f} %"
    return figure.hover(
        [
            f"{wording.kind_words(row.unit)}, {row.role}s, {row.method}",
            f"loss {100 * row.loss:+.2f} %",
            f"accuracy drop {100 * row.accuracy_drop:+.2f} %",
            f"latency growth {latency}",
            f"memory growth {100 * row.memory_growth:+.2f} %",
            f"{'kept' if row.kept else 'filtered out'}: {row.reason}",
        ]
    )
