"""`bitwright show` and `bitwright report`: what a study found, for people and for programs."""

from typing import Annotated

import typer

from bitwright.cli.options import Json, Study, echo_json


def show(
    study: Study,
    json_: Json = False,
    last: Annotated[int, typer.Option(help="How many of the latest trials to list.")] = 10,
) -> None:
    """Show what a study found, whether it has ended or not."""
    from bitwright.cli import live
    from bitwright.report.json_view import as_json
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    found = view(study)
    if json_:
        echo_json(as_json(found))
    else:
        live.overview(found, Folder.of(study), last)


def report(study: Study) -> None:
    """Write report.html anew from what is recorded, also for a study that has not ended."""
    from bitwright.report import html
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    folder = Folder.of(study)
    html.write(view(study), folder.report)
    typer.echo(folder.report)
