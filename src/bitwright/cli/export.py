"""`bitwright export`: a study's network as a target's own tools take it: C, IR, `.tflite`."""

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
            help="The processor: cortex-m4, cortex-m7, cortex-m33, cortex-m55, litert, openvino "
            "or onnxruntime-cpu.",
            autocompletion=TARGET_NAMES,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    json_: Json = False,
) -> None:
    """Write a study's network for a target's own tools: C, OpenVINO's IR, a .tflite."""
    from bitwright.metrics import known
    from bitwright.study.folder import Folder
    from bitwright.targets.base import make

    on = make(target)
    path = study if study.suffix == ".onnx" else Folder.of(study).model
    costs = on.ship(path, out)
    if json_:
        echo_json({"folder": str(out), "target": target, "costs": costs})
        return
    typer.echo(f"{target}: {on.ships.format(folder=out)}")
    for name, value in (costs or {}).items():
        typer.echo(f"{known(name).title}: {known(name).show(value)}")
    if costs is None:
        typer.echo(f"Not measured: {on.missing()}")
