"""The JSON schema of a study file: every key with its description, range and known names.

What pydantic says of `StudyConfig`; and for the keys that hold names, what is registered.
"""

import copy
import json
from collections.abc import Iterable
from typing import Any

from bitwright.config import StudyConfig
from bitwright.config.space import POSSIBLE
from bitwright.control.base import CONTROLLERS
from bitwright.control.screen import SCREENS
from bitwright.metrics import METRICS, ON
from bitwright.quant.names import TRANSFORMS, traits_of
from bitwright.quant.spec import FULL_PRECISION, Role
from bitwright.space.joint import CLASSIFIER
from bitwright.space.templates import TEMPLATES
from bitwright.space.units import UNITS
from bitwright.targets.base import TARGETS
from bitwright.tasks.data.registry import sources

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
ROLE_KEYS: dict[str, Role] = {"weights": "weight", "activations": "activation"}
OWN = r"^.+:[A-Za-z_]\w*$"  # one's own object, by its import path
OWN_METHOD = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*:[1-8]"  # the same, and a width


def text() -> str:
    """The schema as it stands in a file."""
    return json.dumps(study_schema(), indent=1) + "\n"


def study_schema() -> Schema:
    """The schema of a whole study."""
    schema: Schema = _tidy(StudyConfig.model_json_schema())
    parts = {"StudyConfig": schema, **schema["$defs"]}
    data = {"anyOf": [{"enum": [source.name for source in sources()]}, {"type": "string"}]}
    template = _named(TEMPLATES)
    kinds = _named(kind for kind in UNITS if kind != CLASSIFIER)
    for part, key, words in (
        ("StudyConfig", "data", data),
        ("StudyConfig", "space", template),
        ("StudyConfig", "target", _named(TARGETS, own=r"^.+:.+$")),  # "npu:FILE" too
        ("StudyConfig", "targets", _named(TARGETS, own=r"^.+:.+$")),
        ("DataConfig", "name", data),
        ("SpaceConfig", "template", template),
        ("SearchConfig", "controller", _named(CONTROLLERS)),
        ("SearchConfig", "screen", _named(SCREENS)),
        ("ScreenConfig", "by", _named(SCREENS)),
        ("StageConfig", "kinds", kinds),
        *(("PolicyConfig", key, _method(role)) for key, role in ROLE_KEYS.items()),
        *(("QuantizationConfig", key, _method(role)) for key, role in ROLE_KEYS.items()),
        *(("StageConfig", key, _possible(values)) for key, values in POSSIBLE.items()),
    ):
        _put(parts[part]["properties"][key], words)
    for part, key in (("StudyConfig", "limits"), ("RewardConfig", "metrics")):
        of_one_target = {"type": "string", "pattern": f"^.+{ON}.+$"}
        names = {"anyOf": [{"enum": list(METRICS)}, of_one_target]}
        parts[part]["properties"][key]["propertyNames"] = names
    _describe_overrides(schema["$defs"])
    return {"$schema": DRAFT, **schema, "title": "A bitwright study"}


def _named(names: Iterable[str], own: str = OWN) -> Schema:
    """A known name, offered by the editor, or one's own object."""
    return {"anyOf": [{"enum": list(names)}, {"type": "string", "pattern": own}]}


def _method(role: Role) -> Schema:
    """A method such as lsq:4 or affine:8:tensor, of a width that the transform has in the role."""
    widths = {name: "".join(map(str, traits_of(name).bits(role))) for name in TRANSFORMS}
    methods = [f"{name}:[{digits}]" for name, digits in sorted(widths.items()) if digits]
    names = "|".join((*methods, f"{FULL_PRECISION}:(16|32)", OWN_METHOD))
    return {"type": "string", "pattern": rf"^({names})(:(tensor|channel))?$"}


def _possible(values: range | tuple[int, ...]) -> Schema:
    if isinstance(values, range):
        return {"type": "integer", "minimum": values.start, "maximum": values.stop - 1}
    return {"enum": list(values)}


def _put(field: Schema, words: Schema) -> None:
    """Puts `words` in the place of the field's plain text or number, alone or in a list."""
    plain = ("string", "integer")
    if field.get("type") in plain:
        del field["type"]
        field.update(copy.deepcopy(words))
        return
    for option in field["anyOf"]:
        if option.get("type") in plain:
            option.clear()
            option.update(copy.deepcopy(words))
        elif option.get("type") == "array":
            option["items"] = copy.deepcopy(words)


def _describe_overrides(parts: Schema) -> None:
    """A template's stage takes any of a stage's keys; its name stands before them."""
    stage = parts["StageConfig"]
    keys = {key: value for key, value in stage["properties"].items() if key != "name"}
    parts["StageChange"] = {**stage, "properties": keys, "required": []}
    override = parts["SpaceConfig"]["properties"]["override"]
    override["additionalProperties"] = {"$ref": "#/$defs/StageChange"}


def _tidy(value: Any) -> Any:
    """Without pydantic's titles, which repeat the keys; lists' lengths said of the lists."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: _tidy(item)
        for key, item in value.items()
        if not (key == "title" and isinstance(item, str))
    }
    shortest = found.pop("minLength", None)
    for option in found.get("anyOf", ()):
        if shortest and option.get("type") == "array":
            option["minItems"] = shortest
    return found
