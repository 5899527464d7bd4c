"""The JSON schema takes what the program takes, and refuses the mistakes that people make."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bitwright.cli.app import run
from bitwright.cli.json_schema import study_schema
from bitwright.config import StudyConfig
from bitwright.errors import ConfigError

ROOT = Path(__file__).parents[2]
SCHEMA = study_schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def studies() -> Iterator[tuple[str, str]]:
    """Every study file of the examples, and every one in the docs whose names are built in."""
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        yield path.name, path.read_text(encoding="utf-8")
    pages = {ROOT / "README.md", *(ROOT / "docs").glob("*.md")} - {ROOT / "docs/extending.md"}
    for page in sorted(pages):
        blocks = re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
        yield from ((f"{page.name}-{at}", block) for at, block in enumerate(blocks))


def study(**parts: Any) -> dict[str, Any]:
    return {"data": "digits", "space": "tiny", **parts}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in studies()])
def test_every_study_file_of_examples_and_docs_passes(text: str) -> None:
    CHECK.validate(yaml.safe_load(text))


def test_what_the_program_writes_passes() -> None:
    for _, text in studies():
        CHECK.validate(yaml.safe_load(StudyConfig.from_text(text).to_yaml()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"space": "tiny"},
        study(serach={}),
        study(search={"iteration": 3}),
        study(search={"iterations": 0}),
        study(search={"controller": "evolutoin"}),
        study(space="tinny"),
        study(space={"template": "tiny", "override": {"stem": {"widht": 8}}}),
        study(space={"stages": [{"name": "a", "kernel": 4}]}),
        study(space={"stages": [{"name": "a", "kinds": ["convolution"]}]}),
        study(space={"stages": [{"name": "a", "width": []}]}),
        study(target="onnx-cpu"),
        study(quantization={"weights": ["lsqq:4"]}),
        study(quantization={"weights": "lsq4"}),
        study(quantization={"weights": "pact:4"}),
        study(quantization={"activations": ["lsq:8", "ternary:2"]}),
        study(quantization={"policy": {"weights": "lsq:4"}}),
        study(limits={"packed_byte": 8000}),
        study(reward={"metrics": {"acuracy": {}}}),
        study(device="gpu"),
        study(train={"epochs": "two"}),
    ],
    ids=str,
)
def test_mistakes_do_not_pass(wrong: dict[str, Any]) -> None:
    assert not CHECK.is_valid(wrong)


@pytest.mark.parametrize(
    "right",
    [
        study(target="mine.chips:Npu", search={"controller": "mine:Mine"}),
        study(space={"stages": [{"name": "a", "kinds": "mine.units:KIND", "width": 8}]}),
        study(space={"template": "tiny", "override": {"stem": {"width": 8}}}),
        {"data": "photos/", "space": "compact"},
        study(quantization={"weights": "lsq:4", "activations": ["lsq:8:tensor", "affine:4"]}),
        study(quantization={"weights": "bitwright.quant.transforms.lsq:Lsq:4:channel"}),
    ],
    ids=str,
)
def test_ones_own_and_short_forms_pass(right: dict[str, Any]) -> None:
    CHECK.validate(right)
    StudyConfig.from_mapping(right)


def test_the_schema_and_the_program_agree_on_what_is_possible() -> None:
    for width in (0, 1, 2048, 2049):
        given = study(space={"stages": [{"name": "a", "width": width}]})
        try:
            StudyConfig.from_mapping(given)
        except ConfigError:
            assert not CHECK.is_valid(given)
        else:
            assert CHECK.is_valid(given)


def test_every_known_name_is_offered() -> None:
    text = json.dumps(SCHEMA)
    for name in ("fashion-mnist", "compact", "evolution", "inverted_bottleneck", "packed_bytes"):
        assert f'"{name}"' in text
    assert "classifier" not in SCHEMA["$defs"]["StageConfig"]["properties"]["kinds"]


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
