"""Grids that are given, not found: the squeeze-excite gate's, and no grid at all."""

import torch
from torch import Tensor, nn

from bitwright.quant.transforms.base import Quantizer


class GateQuantizer(Quantizer):
    """The range 0 to 1, so that saturation is a hard sigmoid."""

    def fit(self, rows: Tensor) -> None:
        """Nothing to fit."""

    def step_now(self) -> Tensor:
        """1 / (levels - 1)."""
        return (1 / self.high).expand(self.step_shape)


class FullPrecision(nn.Module):
    """No quantization: a ReLU where the layer ends in one, a clip where it is a gate."""

    def __init__(self, *, signed: bool, gate: bool) -> None:
        super().__init__()
        self.signed = signed
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """`x`, not below 0 unless signed, not above 1 for a gate."""
        if self.gate:
            return x.clamp(0, 1)
        return x if self.signed else torch.relu(x)
