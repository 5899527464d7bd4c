"""`bitwright pause`: asks a program that runs a study to stop at a good place."""

import typer

from bitwright.cli.options import Study


def pause(study: Study) -> None:
    """Let a running study stop once the candidates at work are recorded; search goes on with it."""
    from bitwright.study.folder import Folder

    folder = Folder.of(study)
    folder.ask_pause()
    typer.echo(f"The study in '{folder.path}' pauses when its candidates at work are recorded.")
