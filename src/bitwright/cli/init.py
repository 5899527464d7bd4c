"""`bitwright init`: a few questions, and a study file that runs as it is."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bitwright.cli.completion import TARGET_NAMES, data_sets
from bitwright.errors import BitwrightError, ConfigError

if TYPE_CHECKING:
    from bitwright.tasks.data.glimpse import Glimpse

SCHEMA_FILE = "bitwright.schema.json"
MOST_MINUTES = 100_000.0  # over two months
NO_LIMIT = "none"

T = TypeVar("T")


def init(
    study: Annotated[
        Path, typer.Argument(metavar="[STUDY.yaml]", help="The study file to write.")
    ] = Path("study.yaml"),
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="A known data set, a folder, an .npz file or module:function.",
            autocompletion=data_sets,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The processor.", autocompletion=TARGET_NAMES),
    ] = None,
    packed_kb: Annotated[
        str | None, typer.Option(metavar="KB", help="Largest packed size, in kB, or 'none'.")
    ] = None,
    latency_ms: Annotated[
        str | None, typer.Option(metavar="MS", help="Longest latency of an image, or 'none'.")
    ] = None,
    minutes: Annotated[
        str | None, typer.Option(metavar="N", help="Minutes that the study may take.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take the defaults.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the study file.")] = False,
) -> None:
    """Write a study file: commented, fit for your data, your processor and your time."""
    from bitwright.cli import json_schema
    from bitwright.cli.starter.answers import Answers
    from bitwright.cli.starter.space import fitting_space
    from bitwright.cli.starter.text import study_file

    _check_place(study, force=force)
    ask = _ask_nothing if yes else _ask
    looked = _answered(ask, DATA, data, _looked_at)
    typer.echo(f"  {looked}", err=True)
    processor = _answered(ask, TARGET, target, _processor)

    def packed_limit(text: str) -> float | None:
        limit = _limit(text)
        fitting_space(looked, processor, limit)  # tells where no network could keep it
        return limit

    answers = Answers(
        data=looked,
        target=processor,
        packed_kb=_answered(ask, PACKED, packed_kb, packed_limit),
        latency_ms=_answered(ask, LATENCY, latency_ms, _limit),
        minutes=_answered(ask, MINUTES, minutes, _minutes),
    )
    text = study_file(answers, file=str(study), schema=SCHEMA_FILE)
    schema = study.with_name(SCHEMA_FILE)
    study.write_text(text, encoding="utf-8")
    schema.write_text(json_schema.text(), encoding="utf-8")
    typer.echo(f"wrote {study}, and {schema} for your editor. Next:")
    typer.echo(f"  bitwright search {study} --dry-run")


@dataclasses.dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, the option that answers it, and the answer of whoever just presses Enter."""

    option: str
    words: str
    default: str


DATA = _Question(
    "--data",
    "Images: a known data set ({data}), a folder of class folders, an .npz file, "
    "or module:function",
    "digits",
)
TARGET = _Question("--target", "Processor ({targets})", "onnxruntime-cpu")
PACKED = _Question("--packed-kb", "Largest packed size in kB", NO_LIMIT)
LATENCY = _Question("--latency-ms", "Longest latency of an image in ms", NO_LIMIT)
MINUTES = _Question("--minutes", "Minutes that the study may take", "15")

Ask = Callable[[_Question], str]


def _ask(question: _Question) -> str:
    """Asks on stderr; ConfigError where nobody is there to answer."""
    from bitwright.targets.base import TARGETS
    from bitwright.tasks.data.registry import sources

    names = {
        "data": ", ".join(source.name for source in sources()),
        "targets": ", ".join(TARGETS),
    }
    typer.echo(f"{question.words.format(**names)} [{question.default}]: ", err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise ConfigError(
            f"no answer was given for {question.option}; name it, or take the defaults with --yes"
        )
    return line.strip() or question.default


def _ask_nothing(question: _Question) -> str:
    return question.default


def _answered(ask: Ask, question: _Question, given: str | None, read: Callable[[str], T]) -> T:
    """The answer that the option gave; else asked, and asked again until it can be read."""
    if given is not None:
        return read(given)
    while True:
        answer = ask(question)
        try:
            return read(answer)
        except BitwrightError as error:
            if ask is _ask_nothing:
                raise
            typer.echo(f"  {error}", err=True)


def _check_place(study: Path, *, force: bool) -> None:
    if study.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"study file '{study}': the name must end in .yaml")
    if not study.parent.is_dir():
        raise ConfigError(f"study file '{study}': there is no folder '{study.parent}'; create it")
    if study.exists() and not force:
        raise ConfigError(f"'{study}' is there already; name another file, or add --force")


def _looked_at(text: str) -> "Glimpse":
    from bitwright.tasks.data.glimpse import glimpse

    return glimpse(text)


def _processor(text: str) -> str:
    from bitwright.targets.base import make

    make(text)
    return text


def _minutes(text: str) -> float:
    number = _positive(text, "minutes")
    if number > MOST_MINUTES:
        raise ConfigError(f"minutes '{text}': give at most {MOST_MINUTES:,.0f}")
    return number


def _limit(text: str) -> float | None:
    """A limit, or None where there is to be none."""
    return None if text in ("", NO_LIMIT) else _positive(text, "limit")


def _positive(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigError(f"{what} '{text}': give a number above 0")
    return number
