"""docs/transforms.md tells of every transform, with the picture that the program draws today."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from bitwright.quant.transforms import TRANSFORMS

DOCS = Path(__file__).parents[2] / "docs"
PIXELS = 0.5  # a curve may lie off on a processor that rounds a sum in another order


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("draw_transforms")


def test_every_transform_has_a_section_with_its_paper_and_picture(papers):
    paper = papers["docs/transforms.md"]
    for name in TRANSFORMS:
        section = paper.section(f"## `{name}`")
        assert TRANSFORMS.get(name).paper in section.replace("\n", " ")
        assert f"(transforms/{name}.svg)" in section


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_picture_is_the_one_that_the_program_draws(script, name):
    drawn, committed = script.draw(name), (script.PICTURES / f"{name}.svg").read_text("utf-8")
    number = re.compile(r"-?\d+\.\d+")
    assert number.sub("#", drawn) == number.sub("#", committed)
    apart = np.subtract(*(np.array(number.findall(text), float) for text in (drawn, committed)))
    assert np.abs(apart).max() < PIXELS
