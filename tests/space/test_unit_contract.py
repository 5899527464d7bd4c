"""Every kind of unit keeps the contract that is published for users' own."""

import dataclasses

import pytest

from bitwright.records import UnitSpec
from bitwright.space.units import UNITS
from bitwright.testing.units import CHECKS

KINDS = [name for name in UNITS if name not in ("classifier", "identity")]  # these have no layer


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_keeps_it(name, check):
    check(UNITS.get(name))


def grows_with_its_kernel(build, spec, methods):
    wider = (("width", spec.integer("width") + spec.integer("kernel")), *spec.params[1:])
    UNITS.get("conv").expand(build, UnitSpec(spec.path, spec.kind, wider), methods)


def has_a_width_of_its_own(build, spec, methods):
    params = (("width", 3), *spec.params[1:])
    UNITS.get("conv").expand(build, UnitSpec(spec.path, spec.kind, params), methods)


def takes_one_method_twice(build, spec, methods):
    twice = dataclasses.replace(methods, activation=methods.weight)
    UNITS.get("conv").expand(build, spec, twice)


def is_called_something_else(build, spec, methods):
    other = UnitSpec("somewhere", spec.kind, spec.params)
    UNITS.get("conv").expand(build, other, methods)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expand": grows_with_its_kernel}, "the shape depends on the fields"),
        ({"expand": takes_one_method_twice}, "a method is not the unit's"),
        ({"expand": is_called_something_else}, "layer 'somewhere/conv'"),
        ({"roles": ("weight",)}, "roles"),
        ({"expand": has_a_width_of_its_own}, "it gives 3 channels where 4 are promised"),
        ({"fields": ("kernel", "dilation")}, "a stage has no key"),
        ({"fits": lambda shape, stride: "never"}, "fits nowhere"),
        ({"fits": lambda shape, stride: False}, "fits gives None or the reason"),
    ],
)
def test_a_kind_that_breaks_it_is_told(change, said):
    broken = dataclasses.replace(UNITS.get("conv"), **change)
    with pytest.raises(AssertionError, match=said):
        for check in CHECKS:
            check(broken)
