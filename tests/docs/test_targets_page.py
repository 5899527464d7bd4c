"""docs/targets.md tells of every target, its metrics, and every key of an accelerator's file."""

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from bitwright.targets.base import TARGETS
from bitwright.targets.npu.accelerator import SHIPPED, Accelerator, Layer, Pair

PAGE = "docs/targets.md"


def keys(model: type[BaseModel], above: str = "") -> dict[str, object]:
    """Every key by its dotted name, with its default; ... where it must be given."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        place, kinds = f"{above}{name}", set(get_args(field.annotation))
        optional = type(None) in kinds
        if optional or not is_model(field.annotation):
            found[place] = ... if field.is_required() else field.default
        for part in kinds if optional else {field.annotation}:
            found |= keys(part, f"{place}.") if is_model(part) else {}
    return found


def is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_and_its_metrics_are_told(papers, name):
    section = papers[PAGE].section("## What a target decides")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section, re.M))
    told = f"`{name}:FILE`" if TARGETS.get(name).argument else f"`{name}`"
    for metric in TARGETS.get(name).metrics:
        assert rows[metric] == "all" or told in rows[metric], metric
    assert re.search(rf"^## .*{told}", papers[PAGE].text, re.M)


def test_every_key_has_its_row_with_its_default(papers):
    rows = papers[PAGE].text.partition("| key | default |")[2].partition("\n\n")[0]
    told = dict(re.findall(r"^\| `([\w.]+)` \| (\S+) \|", rows, re.M))
    expected = {**keys(Accelerator), **keys(Pair, "pairs.N.")}
    assert told.keys() == expected.keys()
    for key, default in expected.items():
        text = "null" if default is None else str(default).lower()
        assert told[key] == ("-" if default is ... else f"`{text}`"), key


def test_every_layer_is_told(papers):
    row = next(line for line in papers[PAGE].text.splitlines() if line.startswith("| `layers`"))
    assert all(f"`{layer}`" in row for layer in Layer.__args__)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_accelerator_is_told(papers, name):
    assert f"| `{name}` |" in papers[PAGE].text


def test_the_quoted_file_is_the_shipped_one(papers):
    (block,) = (block for block in papers[PAGE].blocks("text") if block.source)
    assert block.text == (papers[PAGE].path.parents[1] / block.source).read_text(encoding="utf-8")
