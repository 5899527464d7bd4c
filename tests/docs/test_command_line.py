"""docs/command-line.md holds every command, option, field, exit code, public name and error."""

import importlib
import inspect
import pkgutil
import re
from typing import Any

import typer

import bitwright
from bitwright.cli import app as program
from bitwright.errors import BitwrightError
from bitwright.records import Genome
from bitwright.report.json_view import as_json
from bitwright.study.view import Entry, SensitivityRow, StudyView

PAGE = "docs/command-line.md"


def commands(command: Any, path: str = "bitwright") -> dict[str, Any]:
    """Every command that does something, by how it is called."""
    if not hasattr(command, "commands"):
        return {path: command}
    found: dict[str, Any] = {}
    for name, part in command.commands.items():
        found |= commands(part, f"{path} {name}")
    return found


COMMANDS = commands(typer.main.get_command(program.app))


OF_THE_PROGRAM = ("--version", "--install-completion", "--show-completion")


def test_every_command_has_its_row(papers):
    told = re.findall(r"^\| `(bitwright [a-z ]+?)(?: [A-Z\[][^`]*)?` \|", papers[PAGE].text, re.M)
    assert sorted(told) == sorted(COMMANDS)


def test_every_option_has_its_row_with_its_commands(papers):
    told = dict(re.findall(r"^\| `(--[a-z-]+)[^`]*` \| ([^|]+) \|", papers[PAGE].text, re.M))
    found: dict[str, list[str]] = {}
    for path, command in COMMANDS.items():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    found.setdefault(option, []).append(path.removeprefix("bitwright "))
    found["--help"] = ["every command"]
    found |= {option: ["bitwright"] for option in OF_THE_PROGRAM}
    assert {option: sorted(where.split(", ")) for option, where in told.items()} == {
        option: sorted(where) for option, where in found.items()
    }


def test_every_command_has_its_place_in_the_readme_or_links_to_this_page(papers):
    assert "docs/command-line.md" in papers["README.md"].text
    for path in ("bitwright search", "bitwright show", "bitwright space", "bitwright data list"):
        assert path in papers["README.md"].text


def test_every_exit_code_is_told(papers):
    for name in (PAGE, "README.md"):
        for code in (0, program.MISTAKE, program.INTERRUPTED):
            assert f"\n| {code} | " in papers[name].text


def test_every_field_of_the_json_object_is_told(papers):
    entry = Entry("one", Genome("space"), (), ())
    view = StudyView("s", "finished", None, (), entry, entry, entry, (), (), (), (), "")
    section = papers[PAGE].section("## The JSON object")
    found = as_json(view)
    fields = [*found, *found["best"], *found["trials"], *SensitivityRow.__dataclass_fields__]
    assert [field for field in fields if f"`{field}`" not in section] == []


def test_every_public_name_has_its_row(papers):
    section = papers[PAGE].section("## From Python")
    first = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert [name for name in bitwright.__all__ if f"`{name}" not in first] == []


def test_what_is_told_of_signatures_is_so(papers):
    for name, names in re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", papers[PAGE].text, re.M):
        told = [part.split("=")[0].strip() for part in names.split(",")]
        assert told == list(inspect.signature(getattr(bitwright, name)).parameters)


def test_every_error_has_its_row(papers):
    for module in pkgutil.walk_packages(bitwright.__path__, "bitwright."):
        importlib.import_module(module.name)
    errors = {BitwrightError, *_below(BitwrightError)}
    section = papers[PAGE].section("## Errors")
    told = re.findall(r"^\| `(\w+)` \|", section, re.M)
    names = {kind.__name__ for kind in errors if kind.__module__.startswith("bitwright.")}
    assert sorted(told) == sorted(names)


def _below(kind: type) -> set[type]:
    return {found for child in kind.__subclasses__() for found in (child, *_below(child))}
