"""A failed validation in one line: key, what is wrong, and the nearest known key."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]


def explain(error: ValidationError, root: type[BaseModel], *, whole: str = "study") -> str:
    """One failure, as a user would name it; `root` is what was validated, `whole` its name."""
    first, place = _foremost(error), ".".join(map(str, place_of(error)))
    if first["type"] == "extra_forbidden":
        *parents, key = first["loc"]
        known = _keys_at(root, parents)
        near = difflib.get_close_matches(str(key), known, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        where = ".".join(map(str, parents)) or whole
        return f"unknown key '{key}' in [{where}]; {remedy}"
    if first["type"] == "missing":
        return f"key '{place}' is missing"
    message = first["msg"].removeprefix("Value error, ")
    value = first["input"]
    met = "" if isinstance(value, Mapping | BaseModel) else f" (got {value!r})"
    at = f"'{place}': " if place else ""
    return f"{at}{message[0].lower()}{message[1:]}{met}"


def place_of(error: ValidationError) -> Place:
    """Where the failure that `explain` tells lies: keys, and the numbers of items in lists.

    A law of a whole part may name the place within it in its context, under "at".
    """
    first = _foremost(error)
    within: Place = first.get("ctx", {}).get("at", ())
    return (*first["loc"], *within)


def _foremost(error: ValidationError) -> ErrorDetails:
    """Unknown keys come first: a misspelt key is often what another one is missed for."""
    return min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")


def _keys_at(root: type[BaseModel], parents: Sequence[str | int]) -> list[str]:
    """The keys that the part of the study at `parents` knows."""
    model: Any = root
    for part in parents:
        field = model.model_fields.get(part)  # None for a list's number or a mapping's own key
        model = (field and _model_in(field.annotation)) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    """The settings class inside an annotation such as ``tuple[StageConfig, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
