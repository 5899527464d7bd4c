"""Which channels of a convolution take the plain way to codes: those where it cannot err."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bitwright.export import reference
from bitwright.export.c.rescales import CARE, PLAIN_SHIFT, careful, conv_rescale_of
from bitwright.export.integer import Layer, Rescale
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_model

WORST = 3000
MODEL = random_model(every_layer("lsq:4", "lsq:8:tensor"), np.random.default_rng(0))


def layer_with(multiplier: int, shift: int) -> Layer:
    rescale = Rescale(np.int64(multiplier), np.int64(shift))
    return dataclasses.replace(MODEL.layer("point"), rescales=(rescale,))


@given(st.integers(1, 2**31 - 1), st.integers(0, 30), st.integers(3, 62))
def test_a_plain_channel_meets_no_tie_and_fits(odd: int, power: int, shift: int) -> None:
    multiplier = min(odd << power, 2**31 - 1)
    layer = layer_with(multiplier, shift)
    found = conv_rescale_of(layer, WORST)
    if careful(found):
        return
    products = np.arange(1, WORST + 1) * multiplier
    assert not np.any(products % 2**shift == 2 ** (shift - 1))
    lift = PLAIN_SHIFT - int(found.shift[0])
    assert lift >= 0 and WORST << lift < 2**31
    grid = layer.kernel.grid
    assert (grid.high - grid.low) << lift < 2**16
    assert max(grid.high, -grid.low) << lift < 2**15


def test_usual_scales_need_no_care_and_powers_of_two_do() -> None:
    assert careful(conv_rescale_of(layer_with(1_518_500_249, 38), WORST)) == 0
    assert careful(conv_rescale_of(layer_with(2**30, 38), WORST)) == 1
    assert careful(conv_rescale_of(layer_with(1_518_500_249, 60), WORST)) == 1
    marked = conv_rescale_of(layer_with(2**30, 38), WORST).shift
    assert marked.tolist() == [38 - 33 + CARE]


def test_the_worst_sum_of_a_layer_is_reached_by_no_image() -> None:
    model = random_model(every_layer("lsq:8", "lsq:8:tensor"), np.random.default_rng(0))
    layer = model.layer("point")
    extremes = np.zeros((2, *model.graph.input.shape), np.uint8)
    extremes[1] = 255
    codes = reference.trace(model, extremes)["deep"].astype(np.int64)
    centred = codes - model.grid("deep").zero_point
    weights = layer.kernel.codes[:, :, 0, 0].astype(np.int64)
    sums = np.einsum("oc,nchw->nohw", weights, centred) + layer.kernel.bias[:, None, None]
    assert np.abs(sums).max() <= reference.worst_sum(model, layer)
