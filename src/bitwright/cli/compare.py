"""`bitwright compare`: studies side by side, or models on one target."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bitwright.cli.completion import TARGET_NAMES, comparable_files
from bitwright.cli.measure import DEFAULT_TARGET, Data, Deviation, Mean, asked
from bitwright.cli.options import Json, echo_json

if TYPE_CHECKING:
    from bitwright.study.measuring import Question

MODEL_SUFFIX = ".onnx"


def compare(
    what: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY|MODEL...",
            help="Study files, output folders or .onnx files.",
            show_default=False,
            autocompletion=comparable_files,
        ),
    ],
    json_: Json = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.html", help="Write a page with plots as well."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="NAME",
            help="Measure models on this processor.",
            show_default=f"{DEFAULT_TARGET}, where there are models",
            autocompletion=TARGET_NAMES,
        ),
    ] = None,
    data: Data = None,
    mean: Mean = None,
    deviation: Deviation = None,
) -> None:
    """Show studies side by side: what differs, what they found; or models, as one target sees them.

    With a model among them, --target or --data, a study stands for the network it handed over.
    """
    from bitwright.errors import ConfigError

    if len(what) < 2:
        raise ConfigError(
            f"compare takes two studies or more, or models, got only '{what[0]}'; name another"
        )
    models = any(path.suffix == MODEL_SUFFIX for path in what)
    if models or target is not None or data is not None:
        question = asked(data, mean, deviation)
        _compare_models(what, target or DEFAULT_TARGET, question, json_=json_, out=out)
    else:
        _compare_studies(what, json_=json_, out=out)


def _compare_models(
    what: list[Path], target: str, question: "Question | None", *, json_: bool, out: Path | None
) -> None:
    import dataclasses

    from rich.console import Console

    from bitwright.report import models
    from bitwright.report.page import save
    from bitwright.study.measuring import measured

    labels = _labels(what)
    found = [measured(_model(path), target, question) for path in what]
    found = [
        dataclasses.replace(one, entry=dataclasses.replace(one.entry, label=label))
        for one, label in zip(found, labels, strict=True)
    ]
    if out is not None:
        save(models.render(found), out)
    if json_:
        told = [models.as_json(one) for one in found]
        echo_json({"models": told, "notes": list(models.notes(found))})
        return
    Console().print(models.terminal(found))
    if out is not None:
        typer.echo(out)


def _labels(what: list[Path]) -> list[str]:
    """Their names; as they were typed where two would share one."""
    names = [path.stem if path.suffix else path.name for path in what]
    return names if len(set(names)) == len(names) else list(map(str, what))


def _model(path: Path) -> Path:
    """The model that an argument means: itself, or the one that a study handed over."""
    from bitwright.errors import ConfigError
    from bitwright.study.folder import Folder

    if path.suffix == MODEL_SUFFIX:
        return path
    model = Folder.of(path).model
    if not model.is_file():
        raise ConfigError(
            f"study '{path}' has handed over no network yet ('{model}' is not there); let it come "
            "to its end, or name one of its trials/*.onnx"
        )
    return model


def _compare_studies(what: list[Path], *, json_: bool, out: Path | None) -> None:
    from rich.console import Console

    from bitwright.report import compare_page, comparing
    from bitwright.report.compare_tables import comparison_as_json, terminal
    from bitwright.study.folder import Folder
    from bitwright.study.session import view

    folders = [Folder.of(one).path for one in what]
    comparison = comparing.compare(folders, [view(one) for one in what])
    if out is not None:
        compare_page.write(comparison, out)
    if json_:
        echo_json(comparison_as_json(comparison))
        return
    Console().print(terminal(comparison))
    if out is not None:
        typer.echo(out)
