"""`bitwright measure`: one model file on one target, whoever made the file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bitwright.cli.completion import TARGET_NAMES, data_sets, model_files
from bitwright.cli.options import Json, echo_json

if TYPE_CHECKING:
    from bitwright.study.measuring import Question

Target = Annotated[
    str,
    typer.Option("--target", metavar="NAME", help="The processor.", autocompletion=TARGET_NAMES),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="Test on the test images of this data set: a name, a folder, an .npz file or "
        "module:function.",
        autocompletion=data_sets,
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean",
        metavar="M[,M...]",
        help="Models of float32 take (code / 255 - mean) / deviation: one number or one a channel.",
    ),
]
Deviation = Annotated[
    str | None, typer.Option("--deviation", metavar="D[,D...]", help="See --mean.")
]
DEFAULT_TARGET = "onnxruntime-cpu"


def measure(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL.onnx",
            help="A model file: a study's, or any other.",
            show_default=False,
            autocompletion=model_files,
        ),
    ],
    target: Target = DEFAULT_TARGET,
    data: Data = None,
    mean: Mean = None,
    deviation: Deviation = None,
    json_: Json = False,
) -> None:
    """Measure a model file on a target: latency, size, the target's metrics; accuracy on data."""
    from rich.console import Console

    from bitwright.report.models import as_json, terminal
    from bitwright.study.measuring import measured

    found = measured(model, target, asked(data, mean, deviation))
    if json_:
        echo_json(as_json(found))
    else:
        Console().print(terminal([found]))


def asked(data: str | None, mean: str | None, deviation: str | None) -> "Question | None":
    """What models are to be asked; None where no data is named."""
    from bitwright.errors import ConfigError
    from bitwright.study.measuring import Question
    from bitwright.tasks.data.load import load

    if (mean is None) != (deviation is None):
        raise ConfigError("--mean and --deviation go together; give both or neither")
    if data is None:
        if mean is not None:
            raise ConfigError("--mean and --deviation are for the images of --data; name some")
        return None
    return Question(load(data), _numbers("--mean", mean), _numbers("--deviation", deviation))


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or (option == "--deviation" and min(numbers) <= 0):
        from bitwright.errors import ConfigError

        above = " above 0" if option == "--deviation" else ""
        raise ConfigError(f"{option} '{text}': give numbers{above} with commas between them")
    return numbers
