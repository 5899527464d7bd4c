"""The report: one HTML file that opens offline, the same bytes for the same study."""

import dataclasses
import json
import math
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from bitwright.errors import StoreError
from bitwright.report import heatmap, progress, sections, tradeoff
from bitwright.report.figure import Plot
from bitwright.report.markup import section
from bitwright.study.view import StudyView

_OPTIONS = {
    "responsive": True,
    "displayModeBar": False,
}


def write(view: StudyView, path: Path) -> None:
    """Writes the report; an older one at `path` stays whole until the new one is.

    Raises:
        StoreError: The file cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(render(view), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"the report cannot be written to '{path}' ({error.strerror}); "
            "free some space or choose a writable folder with --out"
        ) from error


def render(view: StudyView) -> str:
    """The whole page, trials in the order of their numbers."""
    from plotly.offline import get_plotlyjs

    ordered = sorted(view.outcomes, key=lambda outcome: outcome.number)
    view = dataclasses.replace(view, outcomes=tuple(ordered))
    tradeoffs = tradeoff.tradeoffs(view)
    rewards = progress.rewards(view)
    heat_maps = heatmap.heat_maps(view.sensitivity)
    training = progress.training(view)
    parts = {
        "tradeoffs": (
            "Accuracy against cost",
            sections.plots(tradeoffs, sections.pareto(view)),
        ),
        "search": ("The search", sections.plots(rewards, sections.effort(view))),
        "winner": ("The winner", sections.winner(view)),
        "sensitivity": (
            "Sensitivity",
            sections.plots(heat_maps) + sections.removed(view),
        ),
        "training": ("Training", sections.plots(training)),
        "proof": ("Proof", sections.proof(view)),
        "trials": ("Trials", sections.trials(view)),
        "environment": ("Environment", sections.facts(view.environment)),
        "settings": ("The study file", sections.settings(view)),
    }
    page = Template(files("bitwright.report").joinpath("page.html").read_text(encoding="utf-8"))
    return page.substitute(
        study=escape(view.study),
        state=escape(view.state),
        headline=sections.headline(view),
        subtitle=sections.subtitle(view),
        tiles=sections.tiles(view),
        comparison=sections.comparison(view),
        contents="".join(
            f'<a href="#{name}">{escape(title)}</a>'
            for name, (title, body) in parts.items()
            if body
        ),
        sections="\n".join(section(name, title, body) for name, (title, body) in parts.items()),
        plotly=get_plotlyjs(),
        drawing="\n".join(_drawing(plot) for plot in (*tradeoffs, *rewards, *heat_maps, *training)),
    )


def _drawing(plot: Plot) -> str:
    values = (plot.name, plot.data, plot.layout, _OPTIONS)
    return f"Plotly.newPlot({', '.join(map(_script_json, values))});"


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(_finite(value), allow_nan=False).replace("<", "\\u003c")


def _finite(value: object) -> object:
    """The value with null in place of every number that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
