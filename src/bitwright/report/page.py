"""A page of the report's look: one HTML file that opens offline, Plotly in it."""

import dataclasses
import json
import math
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from bitwright.errors import StoreError
from bitwright.report.figure import Plot
from bitwright.report.markup import section

_OPTIONS = {
    "responsive": True,
    "displayModeBar": False,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A part of the page with its name in links; left out where its body is empty."""

    name: str
    title: str
    body: str


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """What stands on a page, top to bottom: all texts are HTML already."""

    kind: str
    name: str
    badge: str
    headline: str
    subtitle: str
    top: str
    parts: tuple[Part, ...]
    plots: tuple[Plot, ...]

    def render(self) -> str:
        """The whole file."""
        from plotly.offline import get_plotlyjs

        look = files("bitwright.report").joinpath("page.html").read_text(encoding="utf-8")
        shown = [part for part in self.parts if part.body]
        return Template(look).substitute(
            kind=self.kind,
            name=self.name,
            badge=f'<span class="badge">{self.badge}</span>' if self.badge else "",
            headline=self.headline,
            subtitle=self.subtitle,
            top=self.top,
            contents="".join(f'<a href="#{part.name}">{escape(part.title)}</a>' for part in shown),
            sections="\n".join(section(part.name, part.title, part.body) for part in shown),
            plotly=get_plotlyjs(),
            drawing="\n".join(map(_drawing, self.plots)),
        )


def save(text: str, path: Path) -> None:
    """Writes the page; an older one at `path` stays whole until the new one is.

    Raises:
        StoreError: The file cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            f"the report cannot be written to '{path}' ({error.strerror}); "
            "free some space or choose a writable folder with --out"
        ) from error


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
