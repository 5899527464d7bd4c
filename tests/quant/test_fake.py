"""The fake-quantization formulas: values, gradients, and the compiled against the written ones."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bitwright.quant import fused
from bitwright.quant.fake import fake_quantize, use_fused
from bitwright.quant.lattice import Lattice, Levels

STEP_TOLERANCE = 2e-6  # of the sum of magnitudes: float32 sums taken in another order
BFLOAT16_STEP_TOLERANCE = 1e-4  # its products are summed in float32 too, from coarser values

SIZES = [(1, 1), (3, 7), (1, 8191), (2, 8193), (5, 4100), (1, 40001)]
ROWS = [False, True]


def values(rows: int, n: int, seed: int = 0) -> Tensor:
    """Normal values with exact ties, bounds, zeros and far outliers among them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, n, generator=generator)
    special = torch.tensor([0.0, 0.125, 0.375, -0.125, 1e9, -1e9, 1.75, -2.0, 0.25, 1e-30])
    flat = x.view(-1)
    flat[: min(10, flat.numel())] = special[: flat.numel()]
    return x


def bounds(bits: int, signed: bool) -> tuple[Tensor, Tensor]:
    levels = 2**bits
    low = -levels // 2 if signed else 0
    return torch.tensor(float(low)), torch.tensor(float(low + levels - 1))


ALL_LEVELS = [Levels.EVEN, Levels.ODD, Levels.TABLE, Levels.CLIPPED]
TABLE = torch.tensor([-8, -8, -5, -5, -5, -1, -1, 0, 0, 0, 2, 2, 4, 4, 4, 7.0])  # of 4 signed bits
ROW_TABLES = torch.stack([TABLE, TABLE.flip(0).neg() - 1, torch.arange(-8.0, 8.0), TABLE])


def lattice_of(step: Tensor, levels: Levels, *, row_tables: bool = False) -> Lattice:
    """The levels within 4 signed bits; the odd ones end at odd numbers."""
    if levels is Levels.ODD:
        return Lattice(step, torch.tensor(-7.0), torch.tensor(7.0), levels)
    table = None
    if levels is Levels.TABLE:
        table = ROW_TABLES[torch.arange(step.numel()) % 4] if row_tables else TABLE
    return Lattice(step, *bounds(4, True), levels, table)


def reference(x: Tensor, lattice: Lattice) -> Tensor:
    """The detach trick, in float64: autograd itself finds the gradients (arXiv 1902.08153, 2.1)."""
    step, low, high, levels, table = lattice
    value = (x / step).clamp(low, high)
    whole = torch.round(value)
    if levels is Levels.ODD:
        odd = torch.arange(7.0, -8, -2).double()  # of two at one distance the first, higher one
        level = odd[(value.unsqueeze(-1) - odd).abs().argmin(-1)]
    elif table is not None:
        rows = table.expand(len(x), -1) if table.ndim > 1 else table.repeat(len(x), 1)
        level = rows.double().gather(1, (whole - low).long())
    else:
        level = whole
    if levels is Levels.CLIPPED:  # PACT: alpha learns where it clips (arXiv 1805.06085, 3)
        inside = ((x / step) == value).detach()
        return torch.where(inside, x + (level * step - x).detach(), value.detach() * step)
    return (value + (level - value).detach()) * step


def gradients(x: Tensor, lattice: Lattice, **options: float) -> list[Tensor]:
    """Output, gradient of x and gradient of the step, for a fixed random upstream gradient."""
    x, step = x.clone().requires_grad_(), lattice.step.clone().requires_grad_()
    out = fake_quantize(x, lattice._replace(step=step), **options)  # type: ignore[arg-type]
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out.dtype)
    out.backward(upstream)  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert step.grad is not None
    return [out.detach(), x.grad, step.grad]


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
@pytest.mark.parametrize("per_row", ROWS, ids=["tensor", "rows"])
@pytest.mark.parametrize("levels", ALL_LEVELS, ids=lambda levels: levels.name)
def test_gradients_are_those_of_the_detach_trick(
    levels: Levels, per_row: bool, compiled: bool
) -> None:
    use_fused(compiled)
    x = torch.randn(4, 33, generator=torch.Generator().manual_seed(2))
    step = torch.tensor([[0.3], [0.11], [0.07], [1.3]]) if per_row else torch.tensor(0.21)
    lattice = lattice_of(step, levels, row_tables=per_row)
    found = gradients(x, lattice)
    slow_x, slow_step = x.double().requires_grad_(), step.double().requires_grad_()
    out = reference(slow_x, lattice._replace(step=slow_step))
    out.backward(torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).double())
    assert slow_x.grad is not None
    assert slow_step.grad is not None
    torch.testing.assert_close(found[0].double(), out.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(found[1].double(), slow_x.grad, rtol=0, atol=0)
    torch.testing.assert_close(found[2].double(), slow_step.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("bits", "signed"), [(1, False), (2, True), (4, False), (8, True)])
def test_gradients_at_every_kind_of_range(bits: int, signed: bool) -> None:
    x = torch.randn(4, 33, generator=torch.Generator().manual_seed(2))
    step = torch.tensor(0.21)
    found = gradients(x, Lattice(step, *bounds(bits, signed)))
    slow_x, slow_step = x.double().requires_grad_(), step.double().requires_grad_()
    out = reference(slow_x, Lattice(slow_step, *bounds(bits, signed)))
    out.backward(torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).double())
    torch.testing.assert_close(found[0].double(), out.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(found[1].double(), slow_x.grad, rtol=0, atol=0)
    torch.testing.assert_close(found[2].double(), slow_step.grad, rtol=1e-5, atol=1e-5)


def test_the_gradients_are_lsqs_inside_and_outside_of_the_range() -> None:
    x = torch.tensor([0.6, 1.24, 9.0, -9.0], requires_grad=True)  # two inside -2..1 steps, two out
    step = torch.tensor(1.0, requires_grad=True)
    low, high = torch.tensor(-2.0), torch.tensor(1.0)
    slopes = []
    for at in range(4):
        out = fake_quantize(x, Lattice(step, low, high))
        to_x, to_step = torch.autograd.grad(out[at], (x, step))
        slopes.append((float(to_x[at]), round(float(to_step), 6)))
        assert to_x.count_nonzero() <= 1
    assert slopes == [(1.0, 0.4), (0.0, 1.0), (0.0, 1.0), (0.0, -2.0)]


def test_a_binary_grid_has_two_levels_and_passes_gradients_inside() -> None:
    x = torch.tensor([0.0, -0.1, 0.4, -7.0], requires_grad=True)
    step = torch.tensor(0.5, requires_grad=True)
    one = torch.tensor(1.0)
    out = fake_quantize(x, Lattice(step, -one, one, Levels.ODD))
    assert out.tolist() == [0.5, -0.5, 0.5, -0.5]
    out.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 1.0, 0.0]
    assert step.grad is not None
    assert float(step.grad) == pytest.approx(1.0 + (-1.0 + 0.2) + (1.0 - 0.8) - 1.0)


def test_odd_levels_lie_two_apart_and_leave_zero_out() -> None:
    x = torch.tensor([-9.0, -2.1, -2.0, -0.1, 0.0, 1.9, 2.0, 9.0])
    out = fake_quantize(x, lattice_of(torch.ones(()), Levels.ODD))
    assert out.tolist() == [-7, -3, -1, -1, 1, 1, 3, 7]


def test_a_clipped_steps_gradient_comes_from_outside_alone() -> None:
    x = torch.tensor([0.6, 1.24, 9.0, -9.0], requires_grad=True)  # two inside -2..1 steps, two out
    step = torch.tensor(1.0, requires_grad=True)
    lattice = Lattice(step, torch.tensor(-2.0), torch.tensor(1.0), Levels.CLIPPED)
    out = fake_quantize(x, lattice)
    slopes = [float(torch.autograd.grad(out[at], step, retain_graph=True)[0]) for at in range(4)]
    assert slopes == [0, 1, 1, -2]
    assert torch.autograd.grad(out.sum(), x)[0].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
def test_straight_through_passes_every_gradient(compiled: bool) -> None:
    use_fused(compiled)
    x = values(3, 50).requires_grad_()
    lattice = lattice_of(torch.tensor(0.3), Levels.ODD)
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    out = fake_quantize(x, lattice, straight=True)
    assert torch.equal(out, fake_quantize(x, lattice))
    assert torch.equal(torch.autograd.grad(out, x, upstream)[0], upstream)


def test_damping_scales_the_steps_gradient_alone() -> None:
    x = values(3, 50)
    lattice = Lattice(torch.tensor(0.3), *bounds(3, True))
    full = gradients(x, lattice)
    damped = gradients(x, lattice, damping=0.25)
    assert torch.equal(full[1], damped[1])
    torch.testing.assert_close(damped[2], full[2] / 4)


@pytest.mark.skipif(not fused.available(), reason="no C compiler on this machine")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("levels", ALL_LEVELS, ids=lambda levels: levels.name)
@pytest.mark.parametrize("per_row", ROWS, ids=["tensor", "rows"])
def test_the_compiled_formulas_are_the_eager_ones(
    per_row: bool, levels: Levels, threads: int, dtype: torch.dtype
) -> None:
    torch.set_num_threads(threads)
    tolerance = STEP_TOLERANCE if dtype == torch.float32 else BFLOAT16_STEP_TOLERANCE
    for rows, n in SIZES:
        x = values(rows, n).to(dtype)
        step = (
            (0.25 + 0.01 * torch.arange(rows).float()).view(-1, 1)
            if per_row
            else torch.tensor(0.25)
        )
        lattice = lattice_of(step, levels, row_tables=per_row)
        use_fused(True)
        fast = gradients(x, lattice)
        use_fused(False)
        slow = gradients(x, lattice)
        assert fused.serves(x)
        assert fast[0].dtype == fast[1].dtype == dtype
        assert torch.equal(fast[0], slow[0]), (rows, n)
        assert torch.equal(fast[1], slow[1]), (rows, n)
        reach = float(torch.ones(()) * n) if per_row else float(x.numel())
        torch.testing.assert_close(fast[2], slow[2], rtol=1e-5, atol=tolerance * max(1.0, reach))


@pytest.mark.skipif(not fused.available(), reason="no C compiler on this machine")
def test_the_compiled_sums_do_not_depend_on_the_threads() -> None:
    x, lattice = values(3, 30001), Lattice(torch.full((3, 1), 0.2), *bounds(4, True))
    sums = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        sums.append(gradients(x, lattice)[2])
    assert torch.equal(sums[0], sums[1])
    assert torch.equal(sums[0], sums[2])


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("levels", ALL_LEVELS, ids=lambda levels: levels.name)
def test_what_is_no_number_stays_none(levels: Levels, dtype: torch.dtype, compiled: bool) -> None:
    use_fused(compiled)
    one = torch.ones(())
    table = torch.tensor([-1.0, 1.0, 1.0]) if levels is Levels.TABLE else None
    x = torch.tensor([0.5, float("nan"), float("inf"), -float("inf")], dtype=dtype)
    out, to_x, to_step = gradients(x, Lattice(one / 2, -one, one, levels, table))
    assert out.isnan().tolist() == [False, True, False, False]
    assert out[2:].tolist() == [0.5, -0.5]
    assert to_x[1:].tolist() == [0, 0, 0]
    assert to_step.isnan()


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
def test_layout_changes_nothing(compiled: bool) -> None:
    use_fused(compiled)
    x = values(2 * 3, 4 * 5).view(2, 3, 4, 5)
    lattice = Lattice(torch.tensor(0.2), *bounds(4, True))
    plain = gradients(x, lattice)
    last = gradients(x.contiguous(memory_format=torch.channels_last), lattice)
    strided = gradients(x.transpose(2, 3).contiguous().transpose(2, 3), lattice)
    for other in (last, strided):
        assert torch.equal(plain[0], other[0])
    assert last[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
def test_a_step_that_one_number_stands_for_is_read_once_a_row(compiled: bool) -> None:
    use_fused(compiled)
    x = values(4, 9)
    whole = fake_quantize(x, Lattice(torch.tensor(0.2), *bounds(3, True)))
    rows = fake_quantize(x, Lattice(torch.tensor(0.2).expand(4, 1), *bounds(3, True)))
    assert torch.equal(whole, rows)


def test_bounds_may_differ_by_row() -> None:
    x = torch.tensor([[-9.0, 0.4, 9.0], [-9.0, 0.4, 9.0]])
    step = torch.ones(2, 1)
    for on in (True, False):
        use_fused(on)
        low, high = torch.tensor([[0.0], [-3.0]]), torch.tensor([[3.0], [0.0]])
        out = fake_quantize(x, Lattice(step, low, high))
        assert out.tolist() == [[0, 0, 3], [-3, 0, 0]]


def test_an_empty_tensor_is_no_trouble() -> None:
    assert gradients(torch.zeros(0), Lattice(torch.tensor(0.2), *bounds(4, True)))[2] == 0


def test_other_types_run_eagerly() -> None:
    x = torch.randn(5, dtype=torch.float64)
    assert not fused.serves(x)
    lattice = Lattice(torch.tensor(0.2), *bounds(4, True))
    assert fake_quantize(x, lattice).dtype == torch.float64


WITHOUT_COMPILER = """
import logging, sys
logging.basicConfig(level="WARNING", stream=sys.stdout, format="%(message)s")
import torch
from bitwright.quant import fused
from bitwright.quant.fake import fake_quantize
from bitwright.quant.lattice import Lattice
x = torch.tensor([0.3, -0.3, 5.0], requires_grad=True)
lattice = Lattice(torch.tensor(0.25), torch.tensor(-2.0), torch.tensor(1.0))
for _ in range(3):
    out = fake_quantize(x, lattice)
out.sum().backward()
print(fused.available(), out.tolist(), x.grad.tolist())
"""


def test_without_a_c_compiler_the_formulas_run_as_written(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "no C compiler found: training under quantization runs slower",
        "False [0.25, -0.25, 0.25] [0.0, 1.0, 0.0]",
    ]


def test_a_compiler_that_fails_is_said_once_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'disk on fire' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fused.library.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert not fused.available()
            assert not fused.available()
        (record,) = caplog.records
        assert "disk on fire" in record.getMessage()
        assert list((tmp_path / "bitwright").iterdir()) == []
    finally:
        monkeypatch.undo()
        fused.library.cache_clear()


@pytest.mark.skipif(not fused.available(), reason="no C compiler on this machine")
def test_the_kernels_are_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fused.library.cache_clear()
    try:
        assert fused.available()
        (built,) = (tmp_path / "bitwright").iterdir()
        stamp = built.stat().st_mtime_ns
        fused.library.cache_clear()
        monkeypatch.setenv("PATH", str(tmp_path))  # no compiler from here on
        assert fused.available()
        assert built.stat().st_mtime_ns == stamp
    finally:
        monkeypatch.undo()
        fused.library.cache_clear()
