"""The commands and their options; what they do lives elsewhere."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from bitwright._version import __version__
from bitwright.cli import data
from bitwright.errors import BitwrightError

INTERRUPTED = 3
MISTAKE = 2

CTRL_C = 130  # typer's own word for an interrupt
UsageMistake: type[Any] = typer.BadParameter.__mro__[2]  # click's, which typer bundles privately

app = typer.Typer(
    help="Searches a network's structure and the quantization of every part of it together.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")

StudyFile = Annotated[
    Path, typer.Argument(metavar="STUDY.yaml", help="A study file.", show_default=False)
]
Study = Annotated[
    Path,
    typer.Argument(metavar="STUDY", help="A study file or its output folder.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a key, for example search.iterations=20."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Output folder; default runs/<name of the file>."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No live view; only the closing tables.")]


def run(arguments: list[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    try:
        result = app(args=arguments, standalone_mode=False)
    except BitwrightError as error:
        return _mistake(str(error))
    except UsageMistake as error:
        if not error.format_message():  # the help was printed instead
            return MISTAKE
        return _mistake(f"{error.format_message().rstrip('.')}; see {_help_of(error)}")
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        return _mistake(f"{place}{error.strerror or error}; mend that and run the command again")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    if result == CTRL_C:
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _mistake(message: str) -> int:
    """Says what is wrong, in one line."""
    typer.echo(f"bitwright: {' '.join(message.split())}", err=True)
    return MISTAKE


def _help_of(error: Any) -> str:
    """The command that explains how it is called rightly."""
    return f"{error.ctx.command_path if error.ctx else 'bitwright'} --help"


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Give it your data and your processor; get a trained integer model, with proof."""
    if version:
        typer.echo(f"bitwright {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def search(
    study: StudyFile,
    set_: Overrides = None,
    out: Out = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run a study: search, train the winner, export it, prove it. After Ctrl-C, run it again."""
    from bitwright.cli import live
    from bitwright.config import StudyConfig
    from bitwright.study.folder import Folder
    from bitwright.study.session import run as run_study

    config = StudyConfig.read(study, set_ or ())
    folder = Folder(out) if out else Folder.of(study)
    watcher = live.watcher(quiet=quiet or json_)
    try:
        with watcher.shown():
            view = run_study(config, folder.path, watcher)
    except KeyboardInterrupt:
        return _interrupted("search", study, set_, out)
    if json_:
        _print_json(view)
    else:
        live.closing(view, folder)
    return 0


@app.command()
def show(
    study: Study,
    json_: Json = False,
    last: Annotated[int, typer.Option(help="How many of the latest trials to list.")] = 10,
) -> None:
    """Show what a study found, whether it has ended or not."""
    from bitwright.cli import live
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    found = view(study)
    if json_:
        _print_json(found)
    else:
        live.overview(found, Folder.of(study), last)


@app.command()
def report(study: Study) -> None:
    """Write report.html anew from what is recorded, also for a study that has not ended."""
    from bitwright.report import html
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    folder = Folder.of(study)
    html.write(view(study), folder.report)
    typer.echo(folder.report)


@app.command()
def space(study: StudyFile, set_: Overrides = None) -> None:
    """Print the search space as a tree, with its exact size."""
    from rich.console import Console

    from bitwright.cli.tree import tree
    from bitwright.config import StudyConfig
    from bitwright.study.session import declared_space

    Console().print(tree(declared_space(StudyConfig.read(study, set_ or ())), study.stem))


@app.command()
def sensitivity(
    study: StudyFile,
    set_: Overrides = None,
    out: Out = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> int:
    """Measure how sensitive each kind of unit is to each method, and what that removes."""
    from rich.console import Console

    from bitwright.cli import live
    from bitwright.config import StudyConfig
    from bitwright.report import tables
    from bitwright.study.documents import rows_to_json
    from bitwright.study.folder import Folder
    from bitwright.study.reading import removed_lines
    from bitwright.study.session import sensitivity as measure

    config = StudyConfig.read(study, set_ or ())
    folder = Folder(out) if out else Folder.of(study)
    watcher = live.watcher(quiet=quiet or json_)
    try:
        with watcher.shown():
            rows = measure(config, folder.path, watcher)
    except KeyboardInterrupt:
        return _interrupted("sensitivity", study, set_, out)
    if json_:
        _echo_json({"sensitivity": rows_to_json(rows)})
    else:
        Console().print(tables.sensitivity(rows, removed_lines(rows)))
    return 0


def _interrupted(command: str, study: Path, overrides: list[str] | None, out: Path | None) -> int:
    """Says how to go on: with the very command that was interrupted."""
    changes = [part for override in overrides or () for part in ("--set", override)]
    folder = ["--out", str(out)] if out else []
    again = shlex.join(["bitwright", command, str(study), *changes, *folder])
    typer.echo(f"Interrupted; nothing recorded is lost. Go on with: {again}", err=True)
    return INTERRUPTED


def _print_json(view: Any) -> None:
    from bitwright.report.json_view import as_json

    _echo_json(as_json(view))


def _echo_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, allow_nan=False))
