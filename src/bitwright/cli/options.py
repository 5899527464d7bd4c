"""The arguments and options that several commands share, and how a command ends early."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bitwright.cli import completion

if TYPE_CHECKING:
    from bitwright.config import StudyConfig

INTERRUPTED = 3

Study = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY",
        help="A study file or its output folder.",
        show_default=False,
        autocompletion=completion.study_files,
    ),
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


def read(study: Path, overrides: list[str] | None) -> "StudyConfig":
    """The settings of STUDY, changed by `--set`."""
    from bitwright.config import StudyConfig
    from bitwright.study.folder import Folder

    return StudyConfig.read(Folder.study_file(study), overrides or ())


def interrupted(
    command: str,
    study: Path,
    overrides: list[str] | None,
    out: Path | None,
    *,
    paused: bool = False,
    retarget: list[str] | None = None,
) -> int:
    """Says how to go on: with the very command that was interrupted."""
    changes = [part for override in overrides or () for part in ("--set", override)]
    folder = ["--out", str(out)] if out else []
    targets = [part for target in retarget or () for part in ("--retarget", target)]
    again = shlex.join(["bitwright", command, str(study), *targets, *changes, *folder])
    word = "Paused" if paused else "Interrupted"
    typer.echo(f"{word}; nothing recorded is lost. Go on with: {again}", err=True)
    return INTERRUPTED


def echo_json(value: Any) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(value, allow_nan=False))
