"""Weights through tanh, activations on 0 to 1 (DoReFa-Net, arXiv 1606.06160).

Deviations from the paper. Its weights lie on -1 to 1 whatever the kernel's own size; here they keep
the kernel's root mean square, since a layer without batch norm needs its scale (the concern of
arXiv 1912.10207) and folding wants a map that scales with what it is given. At 8 bits its levels,
odd codes from -255 to 255, are more than int8 holds: there they are -127 to 127, with zero. Where
no ReLU ends a layer, its activations lie on -1 to 1. Their steps are some hundred millionths longer
than the paper's, and by another part at each width: steps of 1/7 and 1/15 stand to each other, and
to powers of two, as small integers do, and then a sum or a mean lies on a half but for the last bit
of a float32, which every runtime rounds as its arithmetic falls. So it does on the very step of
what it is a mean of: those of means are longer by a hair again.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitwright.export.integer import Grid
from bitwright.quant.transforms.base import (
    HAIR,
    SMALLEST_STEP,
    Place,
    Quantized,
    Quantizer,
    Transform,
    grid_of,
    rows_of,
)


def _top(place: Place) -> float:
    """Where the range of activations ends."""
    return 1 + HAIR * place.method.bits + place.hair


class DorefaWeights(Quantizer):
    """tanh(x) times `gain`, rounded; the step makes the largest of them the outermost level."""

    follows = True
    straight = True

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.gain: Tensor
        self.top: Tensor
        self.register_buffer("gain", torch.ones(self.step_shape))
        self.register_buffer("top", torch.ones(self.step_shape))

    def fit(self, rows: Tensor) -> None:
        """As later."""
        self.observe(rows)

    def observe(self, rows: Tensor) -> None:
        """The scale of these weights, and their largest value after it."""
        bent = rows.tanh()
        keep = rows.ndim > 1
        size = rows.square().mean(dim=-1, keepdim=keep).sqrt()
        bent_size = bent.square().mean(dim=-1, keepdim=keep).sqrt()
        self.gain.copy_(size / bent_size.clamp_min(SMALLEST_STEP))
        self.top.copy_(self.gain * bent.abs().amax(dim=-1, keepdim=keep))

    def prepared(self, x: Tensor) -> Tensor:
        """What is rounded in the place of `x`."""
        gain = self.gain.view(-1, *[1] * (x.ndim - 1)) if self.gain.ndim else self.gain
        return x.tanh() * gain

    def step_now(self) -> Tensor:
        """The range over its highest code."""
        return (self.top / self.high).clamp_min(SMALLEST_STEP)


class DorefaActivations(Quantizer):
    """The range 0 to 1, or -1 to 1, by a hair more; nothing to fit, nothing to learn."""

    def fit(self, rows: Tensor) -> None:
        """Nothing to fit."""

    def step_now(self) -> Tensor:
        """1 over the highest code, a little longer."""
        return (_top(self.place) / self.high.clamp_min(1)).expand(self.step_shape)


class Dorefa(Transform):
    """DoReFa-Net's weights and activations."""

    name = "dorefa"
    paper = "arXiv 1606.06160"

    def quantizer(self, place: Place) -> Quantizer:
        """The quantizer of the place's role."""
        return DorefaWeights(place) if place.role == "weight" else DorefaActivations(place)

    def reference_grid(self, x: npt.NDArray[np.float32], place: Place) -> Grid:
        """The grid of this tensor; of activations, the fixed one."""
        codes = place.codes
        high = np.float32(max(1, codes.high - codes.zero_point))
        if place.role == "activation":
            shape = (place.channels,) if place.method.per_channel else ()
            return grid_of(np.broadcast_to(np.float32(_top(place)) / high, shape), place)
        bent = self._bent(x, place)
        return grid_of(
            np.maximum(np.abs(rows_of(bent, place)).max(-1) / high, SMALLEST_STEP), place
        )

    def reference(self, x: npt.NDArray[np.float32], place: Place, grid: Grid) -> Quantized:
        """As for any transform, of what is rounded in the place of weights."""
        return super().reference(
            x if place.role == "activation" else self._bent(x, place), place, grid
        )

    @staticmethod
    def _bent(x: npt.NDArray[np.float32], place: Place) -> npt.NDArray[np.float32]:
        rows = rows_of(x, place)
        bent = np.tanh(rows)
        size, bent_size = (np.sqrt((part**2).mean(-1, keepdims=True)) for part in (rows, bent))
        gain = size / np.maximum(bent_size, SMALLEST_STEP)
        return np.asarray(bent * gain, np.float32).reshape(x.shape)
