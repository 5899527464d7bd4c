"""`--set KEY=VALUE`: one key of a study, changed for one run."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bitwright.config.text import parsed
from bitwright.errors import ConfigError

# "data: digits" says "data: {name: digits}"
SHORT_FORMS = {"data": "name", "space": "template", "distill": "where", "search.screen": "by"}


def overridden(data: Any, override: str) -> Any:
    """A copy of a study's mapping with one key changed, as in "search.iterations=20"."""
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set '{override}': write key=value, for example search.iterations=20")
    try:
        value = parsed(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set '{override}': '{text}' is not valid YAML") from error
    return _with(data, key.strip().split("."), value, override)


def spelt_out(key: str, value: Any) -> Any:
    """The short form of a key as the group that it stands for."""
    return {SHORT_FORMS[key]: value} if key in SHORT_FORMS and isinstance(value, str) else value


def _with(place: Any, parts: Sequence[str], value: Any, override: str, above: str = "") -> Any:
    """A copy of `place` that holds the value at the path `parts`; a list's items go by number.

    `above` is the key that `place` stands at.
    """
    if not parts:
        return value
    place = spelt_out(above, place)
    part, *rest = parts
    key = f"{above}.{part}" if above else part
    if isinstance(place, list):
        if not part.isdecimal() or int(part) >= len(place):
            raise ConfigError(
                f"--set '{override}': '{part}' is no item of a list of {len(place)}; "
                f"write a number from 0 to {len(place) - 1}"
            )
        at = int(part)
        return [*place[:at], _with(place[at], rest, value, override, key), *place[at + 1 :]]
    known = dict(place) if isinstance(place, Mapping) else {}
    return {**known, part: _with(known.get(part), rest, value, override, key)}
