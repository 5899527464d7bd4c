"""The choice of float layers: by the ratio of the whole network's times, and by nothing else."""

import numpy as np
import pytest

from bitwright.export.float_layers import candidates
from bitwright.export.integer import IntegerModel
from bitwright.measure import float_layers
from bitwright.measure.float_layers import faster_in_float
from bitwright.space.joint import expand
from bitwright.testing.integer_models import random_model
from bitwright.testing.networks import blueprint_of


def network(weight: str) -> IntegerModel:
    blueprint = blueprint_of({"name": "stem", "width": 8}, weight=weight)
    return random_model(expand(blueprint), np.random.default_rng(0))


@pytest.mark.parametrize(("ratio", "worth"), [(0.8, True), (0.995, False), (1.2, False)])
def test_what_saves_a_hundredth_is_worth_it(ratio: float, worth: bool, monkeypatch) -> None:
    model = network("lsq:4")
    monkeypatch.setattr(float_layers, "in_turns", lambda calls, reference, rounds: [ratio])
    assert candidates(model)
    assert faster_in_float(model) == (candidates(model) if worth else frozenset())


def test_real_times_give_one_of_the_two() -> None:
    model = network("lsq:4")
    assert faster_in_float(model, rounds=2) in (candidates(model), frozenset())


def test_where_no_layer_can_nothing_is_timed(monkeypatch) -> None:
    monkeypatch.setattr(float_layers, "in_turns", None)
    model = network("affine:8:tensor")
    assert faster_in_float(model) == frozenset()
