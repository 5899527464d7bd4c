"""How differently an untrained network sees different images (NASWOT, arXiv 2006.04647)."""

import torch
from torch import Tensor, nn

from bitwright.records import Blueprint
from bitwright.train.proxies.base import Proxy


class Naswot(Proxy):
    """The logarithm of the determinant of how many units two images switch alike, for all pairs.

    A unit is on where its quantized output is above zero, so coarse activations, which round small
    values to zero, and coarse weights both show. It costs one forward pass.
    """

    def score(self, blueprint: Blueprint) -> float:
        """The logarithm; the matrix is (images, images)."""
        alike = torch.zeros(len(self.inputs), len(self.inputs), dtype=torch.float64)

        def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            on = (output.flatten(1) > 0).float()
            both = on @ on.T + (1 - on) @ (1 - on).T
            alike.add_(both.cpu().double())

        net = self.build(blueprint)
        for node in net.graph.nodes[1:]:
            if node.activation is not None and not node.signed and not node.gate:
                net.layer(node.name).register_forward_hook(look)
        with torch.no_grad():
            net(self.inputs)
        return float(torch.linalg.slogdet(alike).logabsdet)
