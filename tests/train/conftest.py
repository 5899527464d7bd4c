"""Digits, small networks and short budgets: training that takes a second."""

from collections.abc import Callable

import pytest
import torch

from bitwright.config import AugmentConfig
from bitwright.nets.build import QuantNet
from bitwright.space.joint import expand
from bitwright.tasks.data.images import ImageData
from bitwright.tasks.data.load import load
from bitwright.testing.networks import blueprint_of
from bitwright.train.batches import Batches

MakeNet = Callable[..., QuantNet]
MakeBatches = Callable[..., Batches]


@pytest.fixture(scope="session")
def digits() -> ImageData:
    return load("digits")


@pytest.fixture
def net(digits: ImageData) -> MakeNet:
    def make(weight: str = "lsq:4:channel", activation: str = "lsq:4", seed: int = 0) -> QuantNet:
        blueprint = blueprint_of(
            {"name": "stem", "width": 16},
            {"name": "body", "kinds": "residual", "width": 24, "stride": 2},
            {"name": "tail", "kinds": "depthwise_separable", "width": 32},
            weight=weight,
            activation=activation,
        )
        torch.manual_seed(seed)
        return QuantNet(expand(blueprint), input_step=digits.scale, input_zero=digits.zero_point)

    return make


@pytest.fixture
def batches(digits: ImageData) -> MakeBatches:
    def make(seed: int = 0, *, count: int | None = None, batch: int = 64) -> Batches:
        return Batches(
            torch.from_numpy(digits.train.images[:count]),
            torch.from_numpy(digits.train.labels[:count]),
            batch=batch,
            augment=AugmentConfig(shift=1),
            fill=digits.zero_point,
            generator=torch.Generator().manual_seed(seed),
        )

    return make
