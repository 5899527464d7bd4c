"""How much an untrained network can tell of its input, less what its quantizers lose.

The entropy of a deep network's last map grows with the logarithm of its variance (MAE-DET, arXiv
2111.13336; Zen-NAS, arXiv 2102.01063), and quantization takes from it (Entropy-driven
mixed-precision quantization, NeurIPS 2022).
"""

import dataclasses
import math

import torch
from torch import Tensor

from bitwright.nets.build import QuantNet
from bitwright.nets.layers import MOMENTUM, ConvNorm, WeightLayer
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.train.proxies.base import Proxy

FLOAT = Method("none", 32, per_channel=False)
SMALLEST = 1e-6  # the part of a signal's power that its error is never said to be under


class Entropy(Proxy):
    """The logarithm of the last map's standard deviation, were nothing normalised, in nats.

    Each layer's own part is the logarithm of its sums' standard deviation, as batch norm meets it,
    for weights of unit variance. The same network in full precision tells what is signal in the
    last map and what is error: of each channel's variance the part that is signal counts.
    """

    def score(self, blueprint: Blueprint) -> float:
        """The sum over the layers, less what is lost."""
        net = self.build(blueprint)
        whole = self._in_full_precision(blueprint, net)
        with torch.no_grad():
            signal, found = whole.features(self.inputs), net.features(self.inputs)
        return _growth(whole) + _kept(signal, found)

    def _in_full_precision(self, blueprint: Blueprint, net: QuantNet) -> QuantNet:
        policy = tuple((site, FLOAT) for site, _ in blueprint.policy)
        whole = self.build(dataclasses.replace(blueprint, policy=policy))
        with torch.no_grad():
            for name, layer in net.layers.items():
                if isinstance(layer, WeightLayer):
                    whole.get_parameter(f"layers.{name}.weight").copy_(layer.weight)
        return whole


def _growth(net: QuantNet) -> float:
    """The logarithm of the last map's standard deviation in a network without norms.

    The net has seen one batch, from which each norm's running variance moved by MOMENTUM.
    """
    logs = {"input": 0.0}
    for node in net.graph.nodes[1:-1]:
        layer = net.layer(node.name)
        logs[node.name] = logs[node.inputs[0]]
        if isinstance(layer, ConvNorm):
            variance = (layer.variance.mean() - 1) / MOMENTUM + 1
            logs[node.name] += 0.5 * math.log(variance / layer.weight.detach().var())
        elif node.op == "add":  # variances add up
            a, b = (logs[name] for name in node.inputs)
            logs[node.name] = max(a, b) + 0.5 * math.log1p(math.exp(-2 * abs(a - b)))
    return logs[net.graph.output.inputs[0]]


def _kept(signal: Tensor, found: Tensor) -> float:
    """Half the mean logarithm of the part of each channel's variance that is signal."""
    own, other = (map_.transpose(0, 1).flatten(1).double() for map_ in (signal, found))
    own, other = (rows - rows.mean(1, keepdim=True) for rows in (own, other))
    powers = (own**2).sum(1) * (other**2).sum(1)
    explained = (own * other).sum(1) ** 2 / powers.clamp_min(torch.finfo(torch.float64).tiny)
    return float(0.5 * torch.log(explained.clamp_min(SMALLEST)).mean())
