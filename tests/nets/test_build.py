"""How maps lie in memory on their way through a network."""

import pytest
import torch
from torch import Tensor, nn

from bitwright.nets.build import QuantNet
from bitwright.nets.layers import ConvNorm
from bitwright.space.joint import expand
from bitwright.testing.networks import blueprint_of


@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "colour"])
def test_maps_and_kernels_lie_channels_last_all_the_way(channels: int) -> None:
    blueprint = blueprint_of(
        {"name": "stem", "width": 8},
        {"name": "body", "kinds": "residual", "width": 12, "stride": 2},
        shape=(channels, 8, 8),
    )
    net = QuantNet(expand(blueprint), input_step=0.02, input_zero=120)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    strides: list[int] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        strides.extend(tensor.stride(1) for tensor in (*inputs, output))

    kernels = [layer for layer in net.layers.values() if isinstance(layer, ConvNorm)]
    for layer in kernels:
        layer.register_forward_hook(look)
        layer.quantize_weight.register_forward_hook(look)
    for _ in range(2):  # the first pass fits steps, the second runs as all others do
        net(torch.randint(0, 256, (4, channels, 8, 8)))
    assert len(strides) == 2 * 4 * len(kernels)
    assert set(strides) == {1}
