"""docs/extending.md quotes the example distribution and names what there is to extend."""

import textwrap
from pathlib import Path

import pytest

from bitwright.control.base import CONTROLLERS
from bitwright.control.reward import REWARDS
from bitwright.control.screen import SCREENS
from bitwright.execute.base import EVALUATORS
from bitwright.quant.names import TRANSFORMS
from bitwright.space.templates import TEMPLATES
from bitwright.space.units import UNITS
from bitwright.targets.base import TARGETS
from bitwright.tasks.base import TASKS

PAGE = "docs/extending.md"
ROOT = Path(__file__).parents[2]
REGISTRIES = (
    UNITS,
    TRANSFORMS,
    CONTROLLERS,
    TASKS,
    TARGETS,
    REWARDS,
    EVALUATORS,
    SCREENS,
    TEMPLATES,
)


def test_every_quotation_stands_in_its_file(papers):
    quoted = [
        block
        for block in papers[PAGE].blocks("python", "toml", "yaml")
        if block.source is not None or pytest.fail(f"no source: {block.text}")
    ]
    assert len(quoted) > 10
    for block in quoted:
        there = (ROOT / block.source).read_text()
        method = textwrap.indent(block.text, "    ")  # a method is quoted without its indentation
        assert block.text in there or method in there, f"{block.source}:\n{block.text}"


def test_the_table_names_every_registrys_group_and_suite(papers):
    rows = [line.split(" | ") for line in papers[PAGE].text.splitlines() if line.startswith("| ")]
    told = {row[0].removeprefix("| "): row for row in rows}
    words = {
        "unit kind": "kind of unit",
        "reward transform": "reward",
        "space template": "template",
    }
    for registry in REGISTRIES:
        row = told[words.get(registry.kind, registry.kind)]
        assert row[3] == f"`{registry.group}`"
        suite = row[4].strip("`| ")
        assert not suite or __import__(suite, fromlist=["CHECKS"]).CHECKS
