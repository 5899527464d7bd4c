"""A forecast for people and for programs: `bitwright search --dry-run`."""

import dataclasses
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bitwright.report.tables import framed
from bitwright.study.forecast import Forecast, Span


def as_json(forecast: Forecast) -> dict[str, Any]:
    """The forecast as plain JSON values; times in seconds."""
    return {
        "study": forecast.study,
        "out": forecast.out,
        "recorded": forecast.recorded,
        "facts": dict(forecast.facts),
        "structures": forecast.structures,
        "networks": forecast.networks,
        "phases": [
            {"name": phase.name, "what": phase.what, "seconds": dataclasses.asdict(phase.time)}
            for phase in forecast.phases
        ],
        "seconds": dataclasses.asdict(forecast.total),
        "memory_bytes": forecast.memory_bytes,
        "notes": list(forecast.notes),
    }


def table(forecast: Forecast) -> RenderableType:
    """What would run, for how long, and what it would take."""
    parts: list[RenderableType] = [_facts(forecast), _phases(forecast)]
    parts += [Text(note) for note in forecast.notes]
    parts.append(Text("Nothing was written.", style="bold"))
    return Group(*parts)


def _facts(forecast: Forecast) -> Table:
    table = framed(f"{forecast.study}: what would run")
    table.show_header = False
    table.add_column("", style="bold", no_wrap=True)
    table.add_column("", overflow="fold")
    networks = f"{forecast.networks:,} ({float(forecast.networks):.3g})"
    recorded = f", which holds {forecast.recorded} trials" if forecast.recorded else ""
    for name, value in (
        *forecast.facts,
        ("space", f"{forecast.structures:,} structures, {networks} networks"),
        ("memory", f"at least {forecast.memory_bytes / 1e6:,.0f} MB, by what the timing took"),
        ("output", f"{forecast.out}{recorded}"),
    ):
        table.add_row(Text(name), Text(value))
    return table


def _phases(forecast: Forecast) -> Table:
    table = framed("For how long")
    table.add_column("")
    table.add_column("", overflow="fold")
    table.add_column("likely", justify="right", no_wrap=True)
    table.add_column("from - to", justify="right", no_wrap=True)
    for phase in forecast.phases:
        table.add_row(Text(phase.name), Text(phase.what), *_times(phase.time))
    table.add_section()
    table.add_row(Text("all"), Text(""), *_times(forecast.total), style="bold")
    return table


def _times(span: Span) -> tuple[Text, Text]:
    return Text(clock(span.likely)), Text(f"{clock(span.low)} - {clock(span.high)}")


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours before them: "1:05", "2:00:00".

    >>> clock(65), clock(7200), clock(0.4)
    ('1:05', '2:00:00', '0:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
