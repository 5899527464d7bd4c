"""docs/study-file.md holds every key with its default and range, and examples that work."""

import typing
from collections.abc import Iterator
from typing import Any

import annotated_types
import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from bitwright.config import StudyConfig
from bitwright.control.base import CONTROLLERS, make
from bitwright.control.reward import REWARDS, Reward
from bitwright.control.screen import SCREENS
from bitwright.control.settings import Settings
from bitwright.errors import ConfigError
from bitwright.execute.base import EVALUATORS
from bitwright.metrics import METRICS
from bitwright.quant.names import refusal, traits_of
from bitwright.quant.transforms import TRANSFORMS
from bitwright.space.templates import TEMPLATES, stages_of
from bitwright.space.units import UNITS
from bitwright.targets.base import TARGETS
from bitwright.targets.several import make_all, metrics_of
from bitwright.tasks.base import TASKS
from bitwright.tasks.data.registry import sources
from bitwright.testing.toy_space import ToySpace

PAGE = "docs/study-file.md"
Keys = dict[str, tuple[FieldInfo, Any]]  # dotted key to its field and default


def keys_of(model: type[BaseModel], default: BaseModel | None = None, place: str = "") -> Keys:
    """Every key below `model`; a group has one of its own where it may be missing or repeated."""
    found: Keys = {}
    for name, field in model.model_fields.items():
        if field.is_required():
            value = ...
        elif default is not None:
            value = getattr(default, name)
        else:
            value = field.get_default(call_default_factory=True)
        inner, step = model_in(field.annotation)
        if inner is None or step or value is None:
            found[f"{place}{name}"] = field, value
        if inner is not None:
            group = value if isinstance(value, BaseModel) else None
            found |= keys_of(inner, group, f"{place}{name}.{step}")
    return found


def model_in(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The settings class inside an annotation, and the step that leads to it: an item's name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin = typing.get_origin(annotation)
    step = {dict: "METRIC.", tuple: "N."}.get(origin, "")
    for part in typing.get_args(annotation):
        model, below = model_in(part)
        if model is not None:
            return model, step + below
    return None, ""


def the_keys() -> Keys:
    """The study's keys; of further `train`s than the first, those whose default differs."""
    keys = keys_of(StudyConfig)
    return {
        key: found
        for key, found in keys.items()
        if not key.startswith(("final.", "distill.train.", "supernet.train."))
        or found[1] != keys[f"train.{key.rpartition('.')[2]}"][1]
    }


def rows_of(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def key_rows(text: str) -> dict[str, tuple[str, str]]:
    """Dotted key to the default and range cells of the tables that have them."""
    rows = [row for row in rows_of(text) if len(row) == 4]
    found = {row[0].strip("` "): (row[1].strip("`"), row[2]) for row in rows}
    assert len(found) == len(rows), "a key stands in two rows"
    return found


def range_words(field: FieldInfo) -> str | None:
    """The range that a field's own annotations state; None where they state none."""
    bounds = {type(item): item for item in field.metadata}
    low = bounds.get(annotated_types.Ge), bounds.get(annotated_types.Gt)
    high = bounds.get(annotated_types.Le), bounds.get(annotated_types.Lt)
    match low, high:
        case (at, None), (to, None) if at and to:
            return f"{at.ge:g} to {to.le:g}"
        case (at, None), (None, under) if at and under:
            return f"{at.ge:g} to below {under.lt:g}"
        case (None, above), (None, under) if above and under:
            return f"above {above.gt:g}, below {under.lt:g}"
        case (None, above), (to, None) if above and to:
            return f"above {above.gt:g}, up to {to.le:g}"
        case (at, None), (None, None) if at:
            return f"{at.ge:g} or more"
        case (None, above), (None, None) if above:
            return f"above {above.gt:g}"
    if typing.get_origin(field.annotation) is typing.Literal:
        return ", ".join(f"`{option}`" for option in typing.get_args(field.annotation))
    return "yes or no" if field.annotation is bool else None


def check_rows(rows: dict[str, tuple[str, str]], keys: Keys) -> None:
    assert set(rows) == set(keys), "keys of the tables and keys of the program differ"
    for key, (field, default) in keys.items():
        written, span = rows[key]
        if default is ...:
            assert written == "-", f"{key} must be given; the page says {written}"
        else:
            default = to_jsonable_python(default)
            assert yaml.safe_load(written) == default, f"{key}: the default is {default}"
        expected = range_words(field)
        assert expected in (None, span), f"{key}: the page says '{span}', it is '{expected}'"


FAMILY = "optuna:SAMPLER"  # stands in the page for every name of the family
SECTIONS = {**{name: name for name in CONTROLLERS}, FAMILY: "optuna:tpe"}


def controller_settings(name: str) -> type[Settings]:
    module = __import__(CONTROLLERS.get(name).make.__module__, fromlist=["*"])
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Settings) and value is not Settings
    )
    return found


def test_every_key_has_its_row(papers):
    text = papers[PAGE].text
    for name in SECTIONS:
        text = text.replace(papers[PAGE].section(f"### `{name}`"), "")
    check_rows(key_rows(text), the_keys())


@pytest.mark.parametrize("section", SECTIONS)
def test_every_controller_option_has_its_row(papers, section):
    rows = key_rows(papers[PAGE].section(f"### `{section}`"))
    check_rows(rows, keys_of(controller_settings(SECTIONS[section]), place="search.options."))


@pytest.mark.parametrize(
    ("registry", "page"),
    [
        (UNITS, PAGE),
        (TRANSFORMS, PAGE),
        (TRANSFORMS, "docs/quantization.md"),
        (TEMPLATES, PAGE),
        (TARGETS, PAGE),
        (TASKS, PAGE),
        (EVALUATORS, PAGE),
        (SCREENS, PAGE),
        (REWARDS, PAGE),
        (METRICS, PAGE),
        (tuple(source.name for source in sources()), "docs/data.md"),
    ],
    ids=[
        "units",
        "transforms",
        "transforms-exactly",
        "templates",
        "targets",
        "tasks",
        "evaluators",
        "screens",
        "rewards",
        "metrics",
        "data",
    ],
)
def test_every_name_is_told(papers, registry, page):
    text = papers[page].text
    assert [name for name in registry if f"`{name}`" not in text] == []


def test_every_template_row_names_its_stages(papers):
    rows = {row[0].strip("` "): row for row in rows_of(papers[PAGE].text)}
    for name in TEMPLATES:
        stages = ", ".join(f"`{stage['name']}`" for stage in TEMPLATES.get(name))
        assert rows[name][-1].removesuffix(" |") == stages


def test_every_yaml_block_is_a_study(papers):
    """All of it: keys, stages, the reward, the controller's options, and the target's word."""
    blocks = [block for paper in papers.values() for block in paper.blocks("yaml")]
    studies = [block.text for block in blocks if block.source is None]
    assert len(studies) > 10
    for text in studies:
        config = StudyConfig.from_text(text, source=text)
        for stage in stages_of(config.space):
            assert all(kind in UNITS for kind in stage.kinds)
        known = (*METRICS, *metrics_of(config.processors))
        Reward(config.reward.transform, config.reward.metrics, config.limits, known)
        make(config.search.controller, ToySpace(), config.search.options, seed=0)
        target = make_all(config.processors)
        for role in ("weight", "activation"):
            for method in config.quantization.methods(role):
                assert method.transform in TRANSFORMS
                assert target.supports(method, role) is None


def test_every_transforms_widths_are_told(papers):
    rows = {row[0].strip("` "): row for row in rows_of(papers[PAGE].section("## Quantization"))}

    for name in TRANSFORMS:
        spans = {
            role: f"{bits[0]} to {bits[-1]}" if len(bits) > 1 else str(bits[0])
            for role in ("weight", "activation")
            if (bits := traits_of(name).bits(role))
        }
        same = len(spans) == 2 and len(set(spans.values())) == 1
        told = (
            spans["weight"]
            if same
            else ", ".join(f"{role}s {span}" for role, span in spans.items())
        )
        assert rows[name][2].strip(" |") == told, name


def test_what_the_target_refuses_is_told(papers):
    from bitwright.quant.spec import Method

    text = papers[PAGE].section("## Task, target and device")
    target = TARGETS.get("onnxruntime-cpu")()
    for method in ("affine:8:channel", "none:16", "none:32"):
        assert target.supports(Method.parse(method), "weight") is not None
        assert f"`{method}`" in text
    refused = [
        str(method)
        for name in TRANSFORMS
        for bits in range(1, 9)
        for grain in ("tensor", "channel")
        if refusal(method := Method.parse(f"{name}:{bits}:{grain}"), "weight") is None
        and target.supports(method, "weight")
    ]
    assert refused == ["affine:8:channel"]


def test_what_may_change_on_resuming_is_told(papers):
    from bitwright.study.settings import MAY_CHANGE

    told = papers[PAGE].text.partition("going on with it takes the same settings, save")[2]
    told = told.partition("anything else")[0]
    assert {name for name in MAY_CHANGE if f"`search.{name}`" in told} == MAY_CHANGE


def test_the_table_reader_sees_a_wrong_default(papers):
    text = papers[PAGE].text.replace("| `train.epochs` | `2.0` |", "| `train.epochs` | `3.0` |")
    rows = key_rows(text.partition("## Training")[2])
    keys = {key: found for key, found in the_keys().items() if key in rows}
    with pytest.raises(AssertionError, match=r"train\.epochs"):
        check_rows(rows, keys)


def test_a_page_example_with_a_wrong_key_would_be_seen():
    with pytest.raises(ConfigError, match="did you mean 'sensitivity'"):
        StudyConfig.from_text("data: digits\nspace: tiny\nsensitvity: {}\n")
