"""`bitwright data`: which data sets there are, where they lie, and fetching them."""

from typing import TYPE_CHECKING, Annotated

import typer

from bitwright.cli.completion import KNOWN_DATA

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from bitwright.tasks.data.origin import Progress as Hook
    from bitwright.tasks.data.source import Source

app = typer.Typer(help="Data sets: list, fetch, find.", no_args_is_help=True)


@app.command("list")
def list_command() -> None:
    """Show the data sets that have a name, and whether they are on this machine."""
    from rich.console import Console
    from rich.table import Table

    from bitwright.tasks.data.cache import cache_folder
    from bitwright.tasks.data.registry import sources

    table = Table("name", "images", "classes", "cached")
    table.add_column("where", overflow="fold")
    cache = cache_folder()
    for source in sources():
        stored = source.stored(cache)
        state = "built in" if source.embedded else "yes" if stored.is_file() else "no"
        offers = "; ".join(str(origin) for origin in source.origins)
        where = str(stored) if stored.is_file() else offers
        table.add_row(source.name, _counts(source), str(len(source.classes)), state, where)
    Console().print(table)


@app.command("fetch")
def fetch_command(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Registered names.", autocompletion=KNOWN_DATA),
    ],
) -> None:
    """Bring data sets into the cache and verify them; those already there are verified."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from bitwright.tasks.data.cache import cache_folder
    from bitwright.tasks.data.fetch import fetch

    chosen = [_source(name) for name in names]
    console = Console()
    cache = cache_folder()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    for source in chosen:
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            data = fetch(source, cache, _shown_on(bar, bar.add_task(source.name, total=None)))
        console.print(
            f"{data.name}: {len(data.train):,} training and {len(data.test):,} test images, "
            f"verified; from {data.origin}, in {source.stored(cache)}",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )


@app.command("path")
def path_command(
    name: Annotated[
        str | None, typer.Argument(help="A registered name.", autocompletion=KNOWN_DATA)
    ] = None,
) -> None:
    """Print the folder of all data sets, or the file that holds (or will hold) one of them."""
    from bitwright.tasks.data.cache import cache_folder

    cache = cache_folder()
    typer.echo(cache if name is None else _source(name).stored(cache))


def _shown_on(bar: "Progress", task: "TaskID") -> "Hook":
    def show(what: str, done: int, total: int | None) -> None:
        bar.update(task, description=what, completed=done, total=total)

    return show


def _source(name: str) -> "Source":
    from bitwright.tasks.data.load import unknown
    from bitwright.tasks.data.registry import find_source

    source = find_source(name)
    if source is None:
        raise unknown(name)
    return source


def _counts(source: "Source") -> str:
    if source.train is None or source.test is None:
        return "not known"
    return f"{source.train.images:,} + {source.test.images:,}"
