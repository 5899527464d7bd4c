"""The meter by CUDA's events; without a device it says so, and so does this test."""

import pytest
import torch

from bitwright.errors import TargetError
from bitwright.nets.build import QuantNet
from bitwright.space.joint import expand
from bitwright.testing.networks import blueprint_of
from bitwright.train.cuda_latency import cuda_latency


def network() -> QuantNet:
    return QuantNet(
        expand(blueprint_of({"name": "stem", "width": 8})), input_step=0.02, input_zero=120
    )


def test_a_network_on_the_processor_is_refused() -> None:
    with pytest.raises(TargetError, match="the network is on 'cpu'"):
        cuda_latency(network())


def test_a_network_on_a_device_is_timed_and_stays_as_it_was() -> None:
    if not torch.cuda.is_available():
        pytest.skip("the meter by CUDA's events is not run: torch sees no CUDA device")
    net = network().to("cuda").train()
    measured = cuda_latency(net, runs=30)
    assert measured.value > 0
    assert dict(measured.context)["runs"] == "30"
    assert net.training
