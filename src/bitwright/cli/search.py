"""`bitwright search` and `bitwright sensitivity`: the commands that train."""

from typing import TYPE_CHECKING, Annotated

import typer

from bitwright.cli.completion import TARGET_NAMES
from bitwright.cli.options import (
    INTERRUPTED,
    Json,
    Out,
    Overrides,
    Quiet,
    Study,
    echo_json,
    interrupted,
    read,
)

if TYPE_CHECKING:
    from bitwright.cli.live import TerminalWatcher
    from bitwright.config import StudyConfig
    from bitwright.study.folder import Folder


def search(
    study: Study,
    set_: Overrides = None,
    out: Out = None,
    json_: Json = False,
    quiet: Quiet = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and for how long; run nothing.")
    ] = False,
    retarget: Annotated[
        list[str] | None,
        typer.Option(
            "--retarget",
            metavar="NAME",
            help="Begin a study for another target with what STUDY has trained.",
            autocompletion=TARGET_NAMES,
        ),
    ] = None,
) -> int:
    """Run a study: search, train the winner, export it, prove it. After Ctrl-C, run it again."""
    from bitwright.cli import live
    from bitwright.report.json_view import as_json
    from bitwright.study.folder import Folder
    from bitwright.study.interrupts import Paused
    from bitwright.study.retargeting import folder_for, retargeted, source_of
    from bitwright.study.session import run as run_study

    source = source_of(study) if retarget else None
    if retarget and source:
        config = retargeted(read(source.path, set_), retarget)
        folder = Folder(out) if out else folder_for(source, retarget)
    else:
        config = read(study, set_)
        folder = Folder(out) if out else Folder.of(study)
    watcher = live.watcher(quiet=quiet or json_)
    if dry_run:
        return _forecast(config, folder, source, watcher, json_=json_)
    try:
        with watcher.shown():
            view = run_study(config, folder.path, watcher, source=source)
    except KeyboardInterrupt as stop:
        paused = isinstance(stop, Paused)
        return interrupted("search", study, set_, out, paused=paused, retarget=retarget)
    if json_:
        echo_json(as_json(view))
    else:
        live.closing(view, folder)
    return 0


def _forecast(
    config: "StudyConfig",
    folder: "Folder",
    source: "Folder | None",
    watcher: "TerminalWatcher",
    *,
    json_: bool,
) -> int:
    """What the study would do; the folder stays as it is."""
    from rich.console import Console

    from bitwright.report.forecast_view import as_json, table
    from bitwright.study.forecasting import forecast

    try:
        with watcher.shown():
            found = forecast(config, folder.path, watcher, source=source)
    except KeyboardInterrupt:
        return INTERRUPTED
    if json_:
        echo_json(as_json(found))
    else:
        Console().print(table(found))
    return 0


def sensitivity(
    study: Study,
    set_: Overrides = None,
    out: Out = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> int:
    """Measure how sensitive each kind of unit is to each method, and what that removes."""
    from rich.console import Console

    from bitwright.cli import live
    from bitwright.report import tables
    from bitwright.study.documents import rows_to_json
    from bitwright.study.folder import Folder
    from bitwright.study.reading import removed_lines
    from bitwright.study.session import sensitivity as measure

    config = read(study, set_)
    folder = Folder(out) if out else Folder.of(study)
    watcher = live.watcher(quiet=quiet or json_)
    try:
        with watcher.shown():
            rows = measure(config, folder.path, watcher)
    except KeyboardInterrupt:
        return interrupted("sensitivity", study, set_, out)
    if json_:
        echo_json({"sensitivity": rows_to_json(rows)})
    else:
        Console().print(tables.sensitivity(rows, removed_lines(rows)))
    return 0
