"""Small pieces of HTML; every one escapes the text it is given."""

from collections.abc import Iterable, Sequence
from html import escape

from bitwright.report.figure import Plot


def table(header: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """A table whose first column heads its rows; the cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll"><table class="{css}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(name: str, title: str, body: str) -> str:
    """A part of the page, or nothing where it has no content."""
    return f'<section id="{name}"><h2>{escape(title)}</h2>{body}</section>' if body else ""


def figure(plot: Plot) -> str:
    """The place where a plot is drawn, with its title and how to read it."""
    title = escape(plot.title)
    return (
        f'<figure><h3>{title}</h3><div id="{plot.name}" class="plot" role="img" '
        f'aria-label="{title}" style="height:{plot.layout["height"]}px"></div>'
        f"<figcaption>{escape(plot.reading)}</figcaption></figure>"
    )


def paragraph(text: str, css: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{css}">{escape(text)}</p>'


def folded(summary: str, text: str) -> str:
    """Preformatted text behind a line that opens it."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def listing(lines: Iterable[str]) -> str:
    """A list of plain text lines."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
