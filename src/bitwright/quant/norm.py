"""Batch norm in training and the quantizer behind it, as one step where compiled kernels serve.

Apart, the two read or write a map 13 times on the way forward and back; as one step, 8 times. The
arithmetic is the same up to rounding: a value within a few millionths of the edge between two codes
may take the other one.
"""

import ctypes
import dataclasses
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitwright.quant import fused
from bitwright.quant.fake import runs_fused
from bitwright.quant.lattice import Lattice, Levels
from bitwright.quant.transforms.base import Quantizer


@dataclasses.dataclass(frozen=True, slots=True)
class Norm:
    """A batch norm: its parameters, and the running statistics that a training step moves."""

    gain: Tensor
    bias: Tensor
    mean: Tensor
    variance: Tensor
    momentum: float
    epsilon: float


def normalise(x: Tensor, norm: Norm, quantizer: nn.Module) -> Tensor:
    """`x` (N, C, H, W) normalised by its own statistics, then quantized; moves the running ones."""
    if isinstance(quantizer, Quantizer) and not quantizer.looks and _serves(x):
        lattice = quantizer.lattice_now()
        if lattice.levels is Levels.EVEN and not lattice.step.ndim:
            return _together(x, norm, lattice, quantizer.damping)
    normal = functional.batch_norm(
        x, norm.mean, norm.variance, norm.gain, norm.bias, True, norm.momentum, norm.epsilon
    )
    return quantizer(normal)  # type: ignore[no-any-return]


def _together(x: Tensor, norm: Norm, lattice: Lattice, damping: float) -> Tensor:
    out: Tensor = _NormQuantize.apply(  # type: ignore[no-untyped-call]
        x, norm.gain, norm.bias, lattice.step, norm, lattice, damping
    )
    return out


def _serves(x: Tensor) -> bool:
    """Whether the kernels take this map; of one value a channel torch says that it is too few."""
    several = x.numel() > x.shape[1]
    return several and x.is_contiguous(memory_format=torch.channels_last) and runs_fused(x)


class _Batch(NamedTuple):
    """What the kernels read both ways: a batch, what normalises it, and the grid behind."""

    x: Tensor
    gain: Tensor
    bias: Tensor
    step: Tensor
    low: Tensor
    high: Tensor
    mean: Tensor
    inverse: Tensor


class _NormQuantize(torch.autograd.Function):
    """The pair as one differentiable step, which keeps only `x` of the map's size."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        bias: Tensor,
        step: Tensor,
        norm: Norm,
        lattice: Lattice,
        damping: float,
    ) -> Tensor:
        out, (mean, inverse, variance) = torch.empty_like(x), torch.empty((3, x.shape[1]))
        batch = _Batch(x, gain, bias, step, lattice.low, lattice.high, mean, inverse)
        ctx.scalars = norm.epsilon, damping
        _call("norm_forward", batch, ctx.scalars, x, out, variance)
        ctx.save_for_backward(*batch)
        norm.mean.lerp_(mean, norm.momentum)
        norm.variance.lerp_(variance, norm.momentum)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        batch = _Batch(*ctx.saved_tensors)
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        to_x, to_step = torch.empty_like(batch.x), torch.empty_like(batch.step)
        to_gain, to_bias = torch.empty((2, *batch.gain.shape))
        _call("norm_backward", batch, ctx.scalars, grad, batch.x, to_x, to_gain, to_bias, to_step)
        return to_x, to_gain, to_bias, to_step, None, None, None


class _Norm(ctypes.Structure):
    """`Norm` of norm_kernels.c."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("rows", "channels", "threads")),
        *((name, ctypes.c_void_p) for name in ("gain", "bias", "step", "low", "high")),
        *((name, ctypes.c_void_p) for name in ("mean", "inverse", "partial")),
        *((name, ctypes.c_float) for name in ("epsilon", "damping")),
    )


def _call(name: str, batch: _Batch, scalars: tuple[float, float], *maps: Tensor) -> None:
    """Runs a kernel of norm_kernels.c on `maps` and the numbers that every one of them takes."""
    channels = batch.x.shape[1]
    rows = batch.x.numel() // channels
    blocks = -(-rows // max(1, fused.BLOCK // channels))
    partial = torch.empty(blocks * (2 * channels + 1))
    pointers = (tensor.data_ptr() for tensor in (*batch[1:], partial))
    norm = _Norm(rows, channels, torch.get_num_threads(), *pointers, *scalars)
    kernel = getattr(fused.library(), f"{name}_{fused.SUFFIX[batch.x.dtype]}")
    kernel(ctypes.byref(norm), *(ctypes.c_void_p(tensor.data_ptr()) for tensor in maps))
