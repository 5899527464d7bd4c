"""ResNet-8 in Brevitas' layers, stepping when asked: the other side of qat_step.py --brevitas.

Run by the Python of an environment that has Brevitas and the same torch. It says its versions, then
reads a number of steps a line and answers with the seconds that each took.

As near to the product's layers as Brevitas comes: 4 bits, weights with a learned step per output
channel, activations with a learned step, both from the first data. Brevitas starts activations from
percentiles of the first 300 steps; here of one, so that the steps timed are those of training on.
"""

import sys
import time

import brevitas
import torch
from brevitas import nn as quantized
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Uint8ActPerTensorFloat
from torch import Tensor, nn


class Weight(Int8WeightPerChannelFloat):
    """4 bits, the step a parameter that starts from the weights' range."""

    bit_width = 4
    scaling_impl_type = ScalingImplType.PARAMETER_FROM_STATS


class Positive(Uint8ActPerTensorFloat):
    """4 bits behind a ReLU."""

    bit_width = 4
    collect_stats_steps = 1


class Signed(Int8ActPerTensorFloat):
    """4 bits where values may be negative."""

    bit_width = 4
    collect_stats_steps = 1


def convolution(inputs: int, outputs: int, kernel: int, stride: int, *, relu: bool) -> nn.Module:
    """Convolution, batch norm and the quantizer, with a ReLU or without."""
    conv = quantized.QuantConv2d(
        inputs, outputs, kernel, stride, kernel // 2, bias=False, weight_quant=Weight
    )
    end = (
        quantized.QuantReLU(act_quant=Positive)
        if relu
        else quantized.QuantIdentity(act_quant=Signed)
    )
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), end)


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            convolution(inputs, outputs, 3, stride, relu=True),
            convolution(outputs, outputs, 3, 1, relu=False),
        )
        same = inputs == outputs and stride == 1
        self.shortcut = (
            nn.Identity() if same else convolution(inputs, outputs, 1, stride, relu=False)
        )
        self.end = quantized.QuantReLU(act_quant=Positive)

    def forward(self, x: Tensor) -> Tensor:
        """The quantized sum."""
        return self.end(self.branch(x) + self.shortcut(x))  # type: ignore[no-any-return]


def network() -> nn.Module:
    """ResNet-8 for ten classes."""
    return nn.Sequential(
        convolution(3, 16, 3, 1, relu=True),
        Residual(16, 16, 1),
        Residual(16, 32, 2),
        Residual(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        quantized.QuantIdentity(act_quant=Positive),
        nn.Flatten(),
        quantized.QuantLinear(64, 10, bias=True, weight_quant=Weight),
    )


def main() -> None:
    """Answers requests until there are no more."""
    threads, batch = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(net(images), labels))
        optimizer.step()

    for _ in range(3):  # beyond the steps that collect statistics
        step()
    sys.stdout.write(f"brevitas {brevitas.__version__}, torch {torch.__version__}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        sys.stdout.write(f"{(time.perf_counter() - start) / int(line)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
