"""`bitwright export`: a study's network as the source code that a microcontroller runs."""

from pathlib import Path
from typing import Annotated

import typer

from bitwright.cli.completion import TARGET_NAMES, comparable_files
from bitwright.cli.options import Json, echo_json


def export(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY",
            help="A study file, its output folder, or a model.onnx of a study.",
            show_default=False,
            autocompletion=comparable_files,
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--target",
            metavar="NAME",
            help="The processor: cortex-m4, cortex-m7, cortex-m33 or cortex-m55.",
            autocompletion=TARGET_NAMES,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    json_: Json = False,
) -> None:
    """Write a study's network as C for a microcontroller: a folder that builds and tests itself."""
    from bitwright.errors import ConfigError
    from bitwright.measure.qemu.emulator import missing
    from bitwright.metrics import known
    from bitwright.study.folder import Folder
    from bitwright.targets.base import make
    from bitwright.targets.cortex_m import CortexM

    on = make(target)
    if not isinstance(on, CortexM):
        raise ConfigError(
            f"target '{target}' runs a study's model.onnx as it is; there is nothing more to export"
        )
    path = study if study.suffix == ".onnx" else Folder.of(study).model
    costs = on.ship(path, out)
    if json_:
        echo_json({"folder": str(out), "target": target, "costs": costs})
        return
    typer.echo(f"C for {target} in {out}; try it with: make -C {out} test")
    for name, value in (costs or {}).items():
        typer.echo(f"{known(name).title}: {known(name).show(value)}")
    if costs is None:
        typer.echo(f"Not measured: {missing()}")
