"""Fake quantization: real values onto a method's grid on the way forward, gradients let through.

One pair of formulas serves every transform with evenly spaced levels. The gradients are those of
LSQ (arXiv 1902.08153): inside the range dx = 1 and ds = round(v) - v; outside dx = 0 and ds = the
bound. A transform whose step is not learned passes a step that needs no gradient.

On the CPU the formulas run as compiled C (fused.py), which passes over memory once; elsewhere, or
without a C compiler, they run as written here. The numbers are the same.
"""

from typing import Any

import torch
from torch import Tensor

from bitwright.quant import fused


class _Switch:
    """Whether this process uses the compiled kernels where they serve."""

    fused = True


def use_fused(on: bool) -> None:
    """Chooses compiled or eager formulas for this process."""
    _Switch.fused = on


def _level(value: Tensor, low: Tensor, high: Tensor, binary: bool) -> Tensor:
    """The code nearest to a value within the range; of two levels zero takes the upper one."""
    if not binary:
        return torch.round(value)
    return torch.where(value >= 0, high, torch.where(value < 0, low, value))


def _forward(x: Tensor, step: Tensor, low: Tensor, high: Tensor, binary: bool) -> Tensor:
    value = torch.minimum(torch.maximum(x.float() / step, low), high)
    return (_level(value, low, high, binary) * step).to(x.dtype)


def _backward(
    grad: Tensor, x: Tensor, step: Tensor, low: Tensor, high: Tensor, binary: bool
) -> tuple[Tensor, Tensor]:
    raw = x.float() / step
    value = torch.minimum(torch.maximum(raw, low), high)
    inside = raw == value
    wide = grad.float()
    slope = _level(value, low, high, binary) - torch.where(inside, value, 0.0)
    to_step = (wide * slope).sum(dim=-1, keepdim=True) if step.ndim else (wide * slope).sum()
    return torch.where(inside, wide, 0.0).to(grad.dtype), to_step


class _FakeQuantize(torch.autograd.Function):
    """The pair of formulas as one differentiable step, which keeps only `x` for the way back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, step: Tensor, low: Tensor, high: Tensor, damping: float, binary: bool
    ) -> Tensor:
        ctx.save_for_backward(x, step, low, high)
        ctx.damping, ctx.binary = damping, binary
        ctx.fused = _Switch.fused and fused.serves(x)
        return (fused.forward if ctx.fused else _forward)(x, step, low, high, binary)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, step, low, high = ctx.saved_tensors
        formula = fused.backward if ctx.fused else _backward
        to_x, to_step = formula(grads[0].contiguous(), x, step, low, high, ctx.binary)
        return to_x, to_step * ctx.damping, None, None, None, None


def fake_quantize(
    x: Tensor,
    step: Tensor,
    low: Tensor,
    high: Tensor,
    *,
    damping: float = 1.0,
    binary: bool = False,
) -> Tensor:
    """`x` on the grid of whole multiples of `step`, clipped to `low`..`high`; same shape and dtype.

    `step` has shape () or (C, 1) for `x` of shape (C, ...). `low` and `high` are centred codes,
    shaped like the step or (). `damping` scales the step's gradient. `binary` has the two levels
    -step and +step.
    """
    step = step.float().contiguous()
    if step.ndim:
        return _apply(x.flatten(1), step, low, high, damping, binary).view(x.shape)
    if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
        last = x.permute(0, 2, 3, 1)
        out = _apply(last.reshape(-1), step, low, high, damping, binary)
        return out.view(last.shape).permute(0, 3, 1, 2)
    return _apply(x.reshape(-1), step, low, high, damping, binary).view(x.shape)


def _apply(
    x: Tensor, step: Tensor, low: Tensor, high: Tensor, damping: float, binary: bool
) -> Tensor:
    out: Tensor = _FakeQuantize.apply(  # type: ignore[no-untyped-call]
        x.contiguous(), step, low, high, damping, binary
    )
    return out
