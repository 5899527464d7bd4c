"""Rich renderables for the terminal; each fits 80 columns and breathes in 120."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bitwright.metrics import (
    ACCURACY,
    LATENCY,
    MISSING,
    PACKED,
    TEST_ACCURACY,
    Metric,
    compared,
    known,
)
from bitwright.quant.spec import ROLES, Role
from bitwright.records import Outcome, UnitSpec
from bitwright.report import wording
from bitwright.report.figure import lower, value
from bitwright.report.selection import FIELDS
from bitwright.study.view import Entry, SensitivityRow, StudyView

_STATE_STYLES = {"complete": "green", "infeasible": "yellow", "failed": "red"}
_STATE_WORDS = {"complete": "ok", "infeasible": "infeas.", "failed": "failed"}
_OF_TRIALS = (ACCURACY, PACKED, LATENCY)
_SHOWN = frozenset({*FIELDS, *(metric.name for metric in _OF_TRIALS)})


def comparison(view: StudyView) -> Table:
    """The winner beside the baseline, metric by metric; without a baseline, the winner alone."""
    first, second = wording.winner(view), view.baseline
    table = framed("Winner and baseline" if second else "Winner")
    table.add_column("")
    table.add_column(first.label if first else "winner", justify="right", style="bold")
    if second:
        table.add_column(second.label, justify="right")
        table.add_column("ratio", justify="right")
        table.add_column("winner is")
    for metric in compared([first, second]):
        cells = [metric.title, metric.tell(first)]
        if second:
            found, reference = value(first, metric), second.metric(metric.name)
            cells += [
                metric.tell(second),
                metric.ratio(found, reference),
                metric.compare(found, reference),
            ]
        table.add_row(*map(Text, cells))
    return table


def finalists(view: StudyView) -> Table:
    """The networks that got the final training, the highest reward first; one is handed over."""
    table = framed("Trained to the end")
    table.caption = (
        "bold: handed over, the highest reward within the limits    files: finalists/NNNNN.onnx"
    )
    for name in ("#", "reward", "test %", "acc. %", "kB", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("structure and bits", ratio=1, overflow="fold")
    for entry in view.finalists:
        numbers = [_bare(metric, entry) for metric in (TEST_ACCURACY, *_OF_TRIALS)]
        cells = [str(entry.trial), wording.reward(entry), *numbers, _shape(entry)]
        table.add_row(*map(Text, cells), style="bold" if wording.is_final(view, entry) else None)
    return table


def _bare(metric: Metric, network: Outcome | Entry) -> str:
    """What was measured, without its unit."""
    return metric.show(network.metric(metric.name)).removesuffix(f" {metric.unit}")


def _shape(network: Outcome | Entry) -> str:
    return f"{wording.structure(network.units)}\n{wording.bits(network.units, network.policy)}"


def trials(
    outcomes: Sequence[Outcome],
    *,
    best: int | None = None,
    title: str = "Trials",
    also: Iterable[str] = (),
) -> Table:
    """Trials in the order given; the one numbered `best` stands out.

    `also` names metrics that are shown beside the usual ones.
    """
    metrics = [*_OF_TRIALS, *(known(name) for name in also if name not in _SHOWN)]
    staged = wording.staged(outcomes)
    table = framed(title)
    table.caption = "structure: kind, kernel : width / stride    bits: w weights, a activations"
    if staged:
        table.caption += "\nep.: epochs of training in all    on: the trial that it goes on from"
    for name in ("#", "it.", *(("ep.", "on") if staged else ())):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("reward", "acc. %", "kB", "ms", *map(_heading, metrics[len(_OF_TRIALS) :])):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("structure and bits, or the reason", ratio=1, overflow="fold")
    for outcome in outcomes:
        chosen = outcome.number == best
        first, second, *rest = _trial_cells(outcome, metrics)
        stage = _stage_cells(outcome) if staged else []
        table.add_row(first, second, *stage, *rest, style="bold" if chosen else None)
    return table


def _heading(metric: Metric) -> str:
    """Such as "bit-operations M"."""
    return f"{lower(metric.title)} {metric.unit}".strip()


def _stage_cells(outcome: Outcome) -> list[Text]:
    before = "" if outcome.goes_on is None else str(outcome.goes_on)
    return [Text(wording.epochs(outcome)), Text(before, style="dim")]


def _trial_cells(outcome: Outcome, metrics: Iterable[Metric]) -> list[Text]:
    if outcome.state == "complete":
        summary = Text(_shape(outcome))
    else:
        summary = Text(wording.first_line(outcome.reason or outcome.traceback), style="dim")
    return [
        Text(str(outcome.number)),
        Text(str(outcome.iteration)),
        Text(_STATE_WORDS[outcome.state], style=_STATE_STYLES[outcome.state]),
        Text(f"{outcome.reward:.4f}"),
        *(Text(_bare(metric, outcome)) for metric in metrics),
        summary,
    ]


def sensitivity(rows: Sequence[SensitivityRow], removed: Sequence[str] = ()) -> RenderableType:
    """The loss of every kind of unit under every method in percent; what the filter removed."""
    parts: list[RenderableType] = [_grid(rows, role) for role in ROLES if _of(rows, role)]
    if removed:
        parts.append(Text("Removed from the space before the search:", style="bold"))
        parts += [Padding(Text(line), (0, 0, 0, 2)) for line in removed]
    return Group(*parts) if parts else Text("No sensitivity was measured.", style="dim")


def _of(rows: Iterable[SensitivityRow], role: Role) -> list[SensitivityRow]:
    return [row for row in rows if row.role == role]


def _grid(rows: Sequence[SensitivityRow], role: Role) -> Table:
    cells = {(row.method, row.unit): row for row in _of(rows, role)}
    units = list(dict.fromkeys(unit for _, unit in cells))
    table = framed(f"Sensitivity of {role}s: loss in %")
    table.caption = "x: filtered out"
    table.add_column("method", no_wrap=True)
    for unit in units:
        table.add_column(wording.kind_words(unit), justify="right", vertical="bottom")
    for method in dict.fromkeys(method for method, _ in cells):
        loss = [_loss(cells.get((method, unit))) for unit in units]
        table.add_row(Text(wording.short_method(method, role)), *loss)
    return table


def _loss(row: SensitivityRow | None) -> Text:
    if row is None:
        return Text(MISSING, style="dim")
    text = f"{100 * row.loss:+.1f}"
    return Text(text) if row.kept else Text(f"{text} x", style="red")


def units(entry: Entry) -> Table:
    """The network unit by unit with the method of its weights and activations."""
    table = framed(f"Units of {entry.label}")
    for name in ("unit", "kind", "details", "weights", "activations"):
        table.add_column(name, overflow="fold")
    for unit in entry.units:
        kind, details = wording.unit_words(unit)
        methods = [_short_method(entry, unit, role) for role in ROLES]
        table.add_row(*map(Text, (unit.path, kind, details, *methods)))
    return table


def proof(entry: Entry) -> Table:
    """How the exported file was checked against the network that it was made from."""
    table = framed(f"Proof of {entry.label}")
    table.add_column("check", overflow="fold")
    table.add_column("result", overflow="fold")
    for fact, found in entry.proof:
        table.add_row(*map(Text, (wording.kind_words(fact), found)))
    return table


def _short_method(entry: Entry, unit: UnitSpec, role: Role) -> str:
    method = wording.method_of(entry.policy, unit, role)
    return wording.short_method(str(method), role) if method else MISSING


def framed(title: str) -> Table:
    """A table of this look, to be filled."""
    return Table(
        title=Text(title),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
        collapse_padding=True,
    )
