"""Names to objects."""

import collections
import fractions

import pytest

from bitwright.errors import ConfigError
from bitwright.registry import Registry


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
