"""Fake quantization: real values onto a method's grid on the way forward, gradients let through.

One pair of formulas serves every transform. The gradients are those of LSQ (arXiv 1902.08153) with
the level in place of the rounded value: inside the range dx = 1 and ds = level(v) - v; outside
dx = 0 and ds = the outermost level. A transform whose step is not learned passes a step that needs
no gradient; one whose step learns from clipped values alone has ds = 0 inside.

On the CPU the formulas run as compiled C (fused.py), which passes over memory once; elsewhere, or
without a C compiler, they run as written here. The numbers are the same.
"""

from typing import Any

import torch
from torch import Tensor

from bitwright.quant import fused
from bitwright.quant.lattice import Lattice, Levels


class _Switch:
    """Whether this process uses the compiled kernels where they serve."""

    fused = True


def use_fused(on: bool) -> None:
    """Chooses compiled or eager formulas for this process."""
    _Switch.fused = on


def runs_fused(x: Tensor) -> bool:
    """Whether formulas on this tensor run compiled in this process."""
    return _Switch.fused and fused.serves(x)


def _level(value: Tensor, lattice: Lattice) -> Tensor:
    """The level of a value within the range, in steps; what is no number stays none."""
    if lattice.levels is Levels.ODD:
        return 2 * torch.floor(value * 0.5) + 1
    if lattice.levels is not Levels.TABLE:
        return torch.round(value)
    assert lattice.table is not None  # the lattice's own law
    known = value == value
    at = torch.where(known, torch.round(value) - lattice.low, 0.0).long()
    table = lattice.table
    found = table.gather(1, at) if table.ndim > 1 else table[at]
    return torch.where(known, found, value)


def _clipped(raw: Tensor, lattice: Lattice) -> Tensor:
    return torch.minimum(torch.maximum(raw, lattice.low), lattice.high)


def _forward(x: Tensor, lattice: Lattice) -> Tensor:
    value = _clipped(x.float() / lattice.step, lattice)
    return (_level(value, lattice) * lattice.step).to(x.dtype)


def _backward(grad: Tensor, x: Tensor, lattice: Lattice) -> tuple[Tensor, Tensor]:
    raw = x.float() / lattice.step
    value = _clipped(raw, lattice)
    inside = raw == value
    wide, level = grad.float(), _level(value, lattice)
    if lattice.levels is Levels.CLIPPED:
        slope = torch.where(inside, 0.0, level)
    else:
        slope = level - torch.where(inside, value, 0.0)
    rows = lattice.step.ndim > 0
    to_step = (wide * slope).sum(dim=-1, keepdim=True) if rows else (wide * slope).sum()
    return torch.where(inside, wide, 0.0).to(grad.dtype), to_step


class _FakeQuantize(torch.autograd.Function):
    """The pair of formulas as one differentiable step, which keeps only `x` for the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, lattice: Lattice, damping: float) -> Tensor:
        ctx.save_for_backward(x, step, lattice.low, lattice.high, lattice.table)
        ctx.damping, ctx.levels = damping, lattice.levels
        ctx.fused = runs_fused(x)
        return (fused.forward if ctx.fused else _forward)(x, lattice._replace(step=step))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, step, low, high, table = ctx.saved_tensors
        formula = fused.backward if ctx.fused else _backward
        lattice = Lattice(step, low, high, ctx.levels, table)
        to_x, to_step = formula(grads[0].contiguous(), x, lattice)
        return to_x, to_step * ctx.damping, None, None


class _StraightThrough(torch.autograd.Function):
    """The same way forward; back, the gradient passes unchanged, inside the range and outside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lattice: Lattice) -> Tensor:
        return (fused.forward if _Switch.fused and fused.serves(x) else _forward)(x, lattice)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0], None


def fake_quantize(
    x: Tensor, lattice: Lattice, *, damping: float = 1.0, straight: bool = False
) -> Tensor:
    """`x` on the lattice's levels; same shape and dtype.

    The step has shape () or (C, 1) for `x` of shape (C, ...). `damping` scales its gradient.
    `straight` lets the gradient of `x` pass outside of the range too, and gives the step none.
    """
    lattice = lattice._replace(step=lattice.step.float().contiguous())
    if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
        last = x.permute(0, 2, 3, 1)  # a kernel's rows stay rows, in another order
        return _apply(last, lattice, damping, straight).view(last.shape).permute(0, 3, 1, 2)
    return _apply(x, lattice, damping, straight).view(x.shape)


def _apply(x: Tensor, lattice: Lattice, damping: float, straight: bool) -> Tensor:
    out: Tensor
    x = x.flatten(1) if lattice.step.ndim else x.reshape(-1)
    if straight:
        out = _StraightThrough.apply(x.contiguous(), lattice)  # type: ignore[no-untyped-call]
    else:
        out = _FakeQuantize.apply(x.contiguous(), lattice.step, lattice, damping)  # type: ignore[no-untyped-call]
    return out
