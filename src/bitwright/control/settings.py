"""Settings read strictly: what is unknown or impossible is refused with its place and a remedy."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bitwright.errors import ConfigError


class Settings(BaseModel):
    """A frozen group of options that refuses the ones it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Settings)


def read(kind: type[S], options: Mapping[str, Any], place: str) -> S:
    """The options as settings of that kind; ConfigError names place, value and remedy."""
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(_explain(error.errors()[0], kind, place)) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest one that exists, or all of them.

    >>> nearest("temprature", ["temperature", "hidden"])
    "did you mean 'temperature'?"
    >>> nearest("x", ["temperature", "hidden"])
    'known: hidden, temperature'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"


def _explain(error: ErrorDetails, kind: type[Settings], place: str) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key '{name}' in [{place}]; {nearest(name, kind.model_fields)}"
    if error["type"] == "value_error":
        return f"[{place}] {error['ctx']['error']}"
    return f"[{place}] {name} = {error['input']!r}: {error['msg'].lower()}"
