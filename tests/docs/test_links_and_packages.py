"""Links lead somewhere; dependencies are explained and pinned; nothing private is told."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


EXTRAS = tuple(PROJECT["project"]["optional-dependencies"])


def declared(extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][name] for name in extras)]
    texts = [*PROJECT["build-system"]["requires"], *(text for group in groups for text in group)]
    return [Requirement(text) for text in texts]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("==") for line in lines if not line.startswith("#"))
    return {plain(name): version for name, version in found.items()}


def test_every_link_leads_somewhere(papers):
    for name, paper in papers.items():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", paper.text):
            if not target.startswith("http"):
                assert (paper.path.parent / target).exists(), f"{name} links to {target}"


def test_every_page_can_be_reached(papers):
    told = "\n".join(paper.text for paper in papers.values())
    for name in papers:
        assert name == "README.md" or Path(name).name in told, f"nothing links to {name}"


def test_every_dependency_has_its_reason(papers):
    page = papers["docs/dependencies.md"].text
    rows = set(re.findall(r"^\| `([\w-]+)` \|", page, re.M))
    assert rows == {requirement.name for requirement in declared()}


@pytest.mark.parametrize("requirement", declared(["dev"]), ids=str)
def test_every_pin_lies_in_its_range(requirement):
    assert requirement.specifier.contains(pins()[plain(requirement.name)])


def test_whatever_gets_installed_is_pinned():
    """All that `make setup` installs: the declared packages and what these need in turn, here."""
    known = pins()
    ahead = [(requirement.name, requirement.extras) for requirement in declared(["dev"])]
    seen: set[str] = set()
    while ahead:
        name, extras = ahead.pop()
        if plain(name) in seen:
            continue
        seen.add(plain(name))
        assert plain(name) in known, f"constraints.txt does not pin {name}"
        for text in importlib.metadata.requires(name) or ():
            need = Requirement(text)
            if any(
                need.marker is None or need.marker.evaluate({"extra": extra})
                for extra in (extras or {""})
            ):
                ahead.append((need.name, need.extras))
    assert known["torch"] == "2.13.0"


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
