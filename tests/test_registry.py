"""Names to objects."""

import collections
import collections.abc
import fractions
import sys
from pathlib import Path

import pytest

from bitwright.errors import ConfigError
from bitwright.registry import Registry, subclass_of


@pytest.fixture
def numbers() -> Registry[type]:
    registry: Registry[type] = Registry("number")
    registry.register("whole", int)
    registry.register("fraction", "fractions:Fraction")
    return registry


def test_objects_and_paths_are_found_by_name(numbers: Registry[type]) -> None:
    assert numbers.get("whole") is int
    assert numbers.get("fraction") is fractions.Fraction
    assert numbers.get("fraction") is fractions.Fraction
    assert list(numbers) == ["whole", "fraction"]
    assert "whole" in numbers
    assert "half" not in numbers
    assert len(numbers) == 2


def test_a_path_of_the_users_own_is_taken(numbers: Registry[type]) -> None:
    assert numbers.get("collections:OrderedDict") is collections.OrderedDict


def test_a_name_taken_twice_is_refused(numbers: Registry[type]) -> None:
    with pytest.raises(ConfigError, match="number 'whole' is registered twice"):
        numbers.register("whole", float)
    assert numbers.get("whole") is int


def test_an_unknown_name_is_answered_with_the_nearest(numbers: Registry[type]) -> None:
    with pytest.raises(ConfigError) as caught:
        numbers.get("fractoin")
    assert str(caught.value) == (
        "unknown number 'fractoin'; did you mean 'fraction'? known: whole, fraction"
    )
    with pytest.raises(ConfigError, match="unknown number 'xyz'; known: whole, fraction"):
        numbers.get("xyz")
    with pytest.raises(ConfigError, match="known: none"):
        Registry("colour").get("red")


@pytest.mark.parametrize(
    "path", ["no_such_module:Thing", "fractions:Thing", ":Thing", "fractions:"]
)
def test_a_path_that_leads_nowhere_says_why(path: str, numbers: Registry[type]) -> None:
    with pytest.raises(ConfigError, match=rf"number '{path}' cannot be loaded: .*known: whole"):
        numbers.get(path)


def test_a_name_may_come_late_and_fail_only_when_used(numbers: Registry[type]) -> None:
    numbers.register("broken", "no_such_module:Thing")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        numbers.get("broken")


def test_a_name_can_be_required_without_loading_it(numbers: Registry[type]) -> None:
    numbers.register("broken", "no_such_module:Thing")
    numbers.require("broken")
    with pytest.raises(ConfigError, match="unknown number 'hole'; did you mean 'whole'"):
        numbers.require("hole")


def distribution(folder: Path, name: str, entry_points: str, **modules: str) -> None:
    """An installed distribution: its metadata and its modules."""
    about = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(entry_points)
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that distributions are installed into."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def offered_numbers() -> Registry[type]:
    registry: Registry[type] = Registry("number", group="test.numbers", form=subclass_of(int))
    registry.register("whole", int)
    return registry


def test_another_distribution_adds_names(site: Path) -> None:
    distribution(
        site,
        "more-numbers",
        "[test.numbers]\nodd = odd_numbers:Odd\nnever = odd_numbers:Missing\n",
        odd_numbers="class Odd(int): pass\n",
    )
    numbers = offered_numbers()
    assert numbers.get("whole") is int
    assert "odd_numbers" not in sys.modules
    assert list(numbers) == ["whole", "odd", "never"]
    assert len(numbers) == 3 and "odd" in numbers
    numbers.require("never")
    with pytest.raises(ConfigError, match="did you mean 'odd'"):
        numbers.require("oddd")
    assert "odd_numbers" not in sys.modules, "names alone load nothing"
    assert numbers.get("odd").__module__ == "odd_numbers"
    del sys.modules["odd_numbers"]


def test_installed_distributions_are_not_looked_at_for_a_known_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def looked(**_: str) -> None:
        raise AssertionError("start-up would pay for it")

    monkeypatch.setattr("importlib.metadata.entry_points", looked)
    numbers = offered_numbers()
    assert numbers.get("whole") is int
    assert numbers.get("enum:IntEnum")
    numbers.require("whole")


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import nothing_like_it\n", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("class Broken(:\n", "SyntaxError"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_distribution_is_named(module: str, reason: str, site: Path) -> None:
    points = "[test.numbers]\nbroken = broken_numbers:Broken\n"
    distribution(site, "broken-numbers", points, broken_numbers=module)
    with pytest.raises(ConfigError) as caught:
        offered_numbers().get("broken")
    sys.modules.pop("broken_numbers", None)
    said = str(caught.value)
    assert said.startswith("number 'broken' of broken-numbers 1.2 cannot be loaded: " + reason)
    assert said.endswith("; update or uninstall that distribution")


def test_an_entry_of_the_wrong_form_is_refused_with_its_distribution(site: Path) -> None:
    distribution(site, "odd-shapes", "[test.numbers]\nround = fractions:Fraction\n")
    with pytest.raises(ConfigError) as caught:
        offered_numbers().get("round")
    assert str(caught.value) == (
        "number 'round' of odd-shapes 1.2 is <class 'fractions.Fraction'>; "
        "name a subclass of bitwright's int with all of its methods"
    )
    with pytest.raises(ConfigError, match=r"number 'fractions:Fraction' is .*; name a subclass"):
        offered_numbers().get("fractions:Fraction")
    with pytest.raises(ConfigError, match=r"number 'half' is 0\.5; name a subclass"):
        offered_numbers().register("half", 0.5)  # type: ignore[arg-type]


def test_a_class_that_leaves_methods_out_is_refused() -> None:
    shapes: Registry[type] = Registry("shape", form=subclass_of(collections.abc.Sized))
    assert shapes.get("collections:OrderedDict") is collections.OrderedDict
    with pytest.raises(ConfigError, match="name a subclass of bitwright's Sized with all of its"):
        shapes.get("collections.abc:Sequence")


def test_a_name_offered_twice_names_both(site: Path) -> None:
    for name in ("first-numbers", "second-numbers"):
        distribution(site, name, "[test.numbers]\nodd = enum:IntEnum\n")
    with pytest.raises(ConfigError, match=r"'odd' of \w+-numbers 1.2 .*taken by \w+-numbers 1.2"):
        list(offered_numbers())


def test_the_name_of_a_built_in_thing_cannot_be_offered(site: Path) -> None:
    distribution(site, "my-numbers", "[test.numbers]\nwhole = enum:IntEnum\n")
    with pytest.raises(ConfigError, match=r"number 'whole' of my-numbers 1.2 has a name that is"):
        offered_numbers().require("half")
