"""The program: its commands, one file each or a few that belong together, and its exit codes."""

from typing import Annotated, Any

import typer

from bitwright._version import __version__
from bitwright.cli import data
from bitwright.cli.compare import compare
from bitwright.cli.export import export
from bitwright.cli.init import init
from bitwright.cli.measure import measure
from bitwright.cli.options import INTERRUPTED
from bitwright.cli.pause import pause
from bitwright.cli.schema import schema
from bitwright.cli.search import search, sensitivity
from bitwright.cli.show import report, show
from bitwright.cli.space import space
from bitwright.errors import BitwrightError

MISTAKE = 2

CTRL_C = 130  # typer's own word for an interrupt
UsageMistake: type[Any] = typer.BadParameter.__mro__[2]  # click's, which typer bundles privately

app = typer.Typer(
    help="Searches a network's structure and the quantization of every part of it together.",
    pretty_exceptions_enable=False,
)
for command in (
    init,
    search,
    pause,
    show,
    compare,
    measure,
    export,
    report,
    space,
    sensitivity,
    schema,
):
    app.command()(command)
app.add_typer(data.app, name="data")


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
