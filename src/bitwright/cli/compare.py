"""`bitwright compare`: several studies side by side."""

from pathlib import Path
from typing import Annotated

import typer

from bitwright.cli.completion import study_files
from bitwright.cli.options import Json, echo_json


def compare(
    study: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY STUDY...",
            help="Study files or output folders.",
            show_default=False,
            autocompletion=study_files,
        ),
    ],
    json_: Json = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.html", help="Write a page with plots as well."),
    ] = None,
) -> None:
    """Show studies side by side: what differs, what they found, how fast, and how good it is."""
    from rich.console import Console

    from bitwright.errors import ConfigError
    from bitwright.report import compare_page, comparing
    from bitwright.report.compare_tables import comparison_as_json, terminal
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    if len(study) < 2:
        raise ConfigError(f"compare takes two studies or more, got only '{study[0]}'; name another")
    folders = [Folder.of(one).path for one in study]
    comparison = comparing.compare(folders, [view(one) for one in study])
    if out is not None:
        compare_page.write(comparison, out)
    if json_:
        echo_json(comparison_as_json(comparison))
        return
    Console().print(terminal(comparison))
    if out is not None:
        typer.echo(out)
