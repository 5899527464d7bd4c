"""How much flows through an untrained network (synaptic flow, arXiv 2006.05467)."""

import torch

from bitwright.nets.layers import WeightLayer
from bitwright.records import Blueprint
from bitwright.train.proxies.base import Proxy


class Synflow(Proxy):
    """The logarithm of the summed |weight x gradient| of the outputs' sum, all weights positive.

    Batch norm lets everything pass, as in the paper. Weights and activations stay quantized: what a
    grid rounds off or cuts off does not flow. The one input is made of ones.
    """

    def score(self, blueprint: Blueprint) -> float:
        """The logarithm; R is the outputs' sum."""
        net = self.build(blueprint)
        net.freeze_norms()  # as they are: mean 0, variance 1
        layers = [layer for layer in net.layers.values() if isinstance(layer, WeightLayer)]
        with torch.no_grad():
            for layer in layers:
                layer.weight.abs_()
        one = torch.full_like(self.inputs[:1], 1.0, dtype=torch.float32) / net.input_step
        torch.autograd.backward(net(one + net.input_zero).double().sum())
        flows = [
            (layer.weight.detach() * layer.weight.grad).double().abs().sum()
            for layer in layers
            if layer.weight.grad is not None
        ]
        return float(torch.log(torch.stack(flows).sum()))
