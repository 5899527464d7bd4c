"""Every transform keeps the contract that is published for users' own; broken ones do not."""

import numpy as np
import pytest
import torch

from bitwright.quant.names import TRANSFORMS, Traits
from bitwright.quant.transforms.lsq import Lsq, LsqQuantizer
from bitwright.testing.transforms import CHECKS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_keeps_it(name, check):
    check(TRANSFORMS.get(name)())


class Doubled(Lsq):
    def reference_grid(self, x, place):
        return super().reference_grid(2 * x, place)


class Restless(Lsq):
    """Fits anew even in evaluation."""

    def quantizer(self, place):
        quantizer = LsqQuantizer(place)
        quantizer.register_forward_pre_hook(lambda module, _: setattr(module, "fitted", False))
        return quantizer


class Forgetful(Lsq):
    """Its step is no part of its state."""

    def quantizer(self, place):
        quantizer = LsqQuantizer(place)
        quantizer.register_state_dict_post_hook(
            lambda module, state, prefix, _: state.__setitem__(
                f"{prefix}log_step", torch.zeros_like(module.log_step)
            )
        )
        return quantizer


class Exploding(Lsq):
    def quantizer(self, place):
        quantizer = LsqQuantizer(place)
        quantizer.log_step.register_hook(lambda gradient: gradient / 0)
        return quantizer


class Wide(Lsq):
    """Says that its grid has a bit more than it has."""

    def reference_grid(self, x, place):
        import dataclasses

        grid = super().reference_grid(x, place)
        return dataclasses.replace(grid, bits=grid.bits + 1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Doubled, "scales"),
        (Restless, "the step moved"),
        (Forgetful, "part of the state is not in the state dict"),
        (Exploding, "nan|inf"),
        (Wide, "the grid has 2 bits"),
    ],
)
def test_a_transform_that_breaks_it_is_told(kind, said, monkeypatch):
    kind.name, kind.traits = "broken", Traits(weights=(1, 4), activations=(1, 4))
    monkeypatch.setattr(TRANSFORMS, "_entries", dict(TRANSFORMS._entries))
    TRANSFORMS.register("broken", kind)
    with pytest.raises(AssertionError, match=said):
        for check in CHECKS:
            check(kind())


def test_the_samples_have_channels_of_many_sizes():
    from bitwright.quant.spec import Method
    from bitwright.quant.transforms import Place
    from bitwright.testing.transforms import CHANNELS, _sample

    place = Place(Method.parse("lsq:4"), "weight", signed=True, channels=CHANNELS)
    sizes = np.abs(_sample(place)).mean((1, 2, 3))
    assert sizes.max() > 4 * sizes.min(), "one step for all would do"
