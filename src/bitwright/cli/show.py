"""`bitwright show` and `bitwright report`: what a study found, for people and for programs."""

from typing import TYPE_CHECKING, Annotated

import typer

from bitwright.cli.completion import METRICS, STATES
from bitwright.cli.options import Json, Study, echo_json

if TYPE_CHECKING:
    from bitwright.report.selection import Selection
    from bitwright.study.view import StudyView


def show(
    study: Study,
    json_: Json = False,
    csv_: Annotated[
        bool, typer.Option("--csv", help="Print the trials as comma-separated values.")
    ] = False,
    state: Annotated[
        list[str] | None,
        typer.Option(help="List trials in this state.", autocompletion=STATES),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="List trials that meet it, for example 'packed_bytes<8000'.",
            autocompletion=METRICS,
        ),
    ] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="List the Pareto set.")] = False,
    sort: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="List the best first.", autocompletion=METRICS),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="How many trials to list: the latest, or with --sort the best.",
            show_default="10, or all that a filter leaves",
        ),
    ] = None,
) -> None:
    """Show what a study found, whether it has ended or not."""
    from bitwright.errors import ConfigError
    from bitwright.report.selection import Condition, Selection, states
    from bitwright.study.session import view

    if json_ and csv_:
        raise ConfigError("--json and --csv: one output cannot be both; leave one out")
    conditions = tuple(map(Condition.parse, where or ()))
    selection = Selection(states(state or ()), conditions, pareto, sort, last)
    found = view(study)
    if csv_:
        from bitwright.report.csv_view import as_csv

        typer.echo(as_csv(selection.of(found)), nl=False)
    elif json_:
        _show_json(found, selection)
    else:
        _show_tables(found, selection, study)


def _show_json(found: "StudyView", selection: "Selection") -> None:
    """The study's object; with the selected trials in it, where any were asked for."""
    from bitwright.report.json_view import as_json, trial_as_json

    shown = as_json(found)
    if selection.narrows or selection.last:
        shown["selected"] = [trial_as_json(outcome) for outcome in selection.of(found)]
    echo_json(shown)


def _show_tables(found: "StudyView", selection: "Selection", study: Study) -> None:
    """The whole study, or where a filter is set the selected trials alone."""
    import dataclasses

    from bitwright.cli import live
    from bitwright.report.selection import LISTED
    from bitwright.study.folder import Folder

    if selection.narrows:
        live.selected(found, selection)
    else:
        latest = dataclasses.replace(selection, last=selection.last or LISTED)
        live.overview(found, Folder.of(study), latest.of(found))


def report(study: Study) -> None:
    """Write report.html anew from what is recorded, also for a study that has not ended."""
    from bitwright.report import html
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    folder = Folder.of(study)
    html.write(view(study), folder.report)
    typer.echo(folder.report)
