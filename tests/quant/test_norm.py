"""Batch norm and quantizer as one step, against batch norm and quantizer apart."""

import pytest
import torch
from torch import Tensor

from bitwright.quant import fused
from bitwright.quant.fake import use_fused
from bitwright.quant.norm import Norm, normalise
from bitwright.quant.spec import Method
from bitwright.quant.transforms import Place, Quantizer, transform_of
from bitwright.quant.transforms.lsq import LsqQuantizer

pytestmark = pytest.mark.skipif(not fused.available(), reason="no C compiler on this machine")

MOMENTUM, EPSILON = 0.1, 1e-5
ON_AN_EDGE = 1e-3  # of the values: so near to the edge between two codes that either is right
STATISTICS = 1e-5  # relative: float32 sums taken in another order
UPSTREAM = 5.0  # no gradient that comes from above is larger
GRADIENT = 2e-4  # of the largest gradient: sums of many terms that nearly cancel
BFLOAT16 = 4e-3  # relative: what is given back is rounded to 8 bits
SHAPES = [
    (4, 1, 2, 2),
    (4, 3, 5, 7),
    (3, 16, 9, 9),
    (2, 24, 40, 30),
    (5, 257, 3, 3),
    (1, 600, 6, 5),
]


def batch(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Values far from zero mean and from one deviation, channel by channel; channels last."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.rand(shape[1], generator=generator)[:, None, None] * 3 + 0.1
    offset = torch.randn(shape[1], generator=generator)[:, None, None] * 5
    x = torch.randn(shape, generator=generator) * spread + offset
    return x.contiguous(memory_format=torch.channels_last)


def quantizer(method: str = "lsq:4", *, signed: bool = False, channels: int = 3) -> Quantizer:
    made = transform_of(Method.parse(method)).quantizer(
        Place(Method.parse(method, "activation"), "activation", signed, channels)
    )
    made(torch.rand(2, channels, 8, 8) * 2)
    return made


def outcome(x: Tensor, place: Quantizer, *, compiled: bool) -> dict[str, Tensor]:
    """Everything that the step gives: output, running statistics and all gradients."""
    use_fused(compiled)
    channels = x.shape[1]
    generator = torch.Generator().manual_seed(7)
    gain = (torch.rand(channels, generator=generator) + 0.5).requires_grad_()
    bias = torch.randn(channels, generator=generator).requires_grad_()
    norm = Norm(gain, bias, torch.zeros(channels), torch.ones(channels), MOMENTUM, EPSILON)
    x = x.clone().requires_grad_()
    place.zero_grad()
    out = normalise(x, norm, place)
    upstream = torch.randn(out.shape, generator=generator).to(out.dtype)
    out.backward(upstream)  # type: ignore[no-untyped-call]
    found = {"out": out, "mean": norm.mean, "variance": norm.variance}
    learned = {name: p for name, p in place.named_parameters()}
    for name, tensor in {"x": x, "gain": gain, "bias": bias, **learned}.items():
        assert tensor.grad is not None
        found[f"gradient of {name}"] = tensor.grad
    return {name: tensor.detach().float() for name, tensor in found.items()}


def share_apart(a: Tensor, b: Tensor, tolerance: float) -> float:
    """The share of numbers that differ by more than `tolerance`."""
    return float(((a - b).abs() > tolerance).float().mean())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_step_gives_what_two_give(shape: tuple[int, ...], signed: bool, threads: int) -> None:
    torch.set_num_threads(threads)
    place = quantizer(signed=signed, channels=shape[1])
    x = batch(shape)
    fast, slow = (outcome(x, place, compiled=on) for on in (True, False))
    step = float(place.step_now().detach())
    assert fast["out"].is_contiguous(memory_format=torch.channels_last)
    assert float((fast["out"] - slow["out"]).abs().max()) < 1.01 * step
    other_codes = share_apart(fast["out"], slow["out"], 0.01 * step)
    assert other_codes <= ON_AN_EDGE
    for name in ("mean", "variance"):
        torch.testing.assert_close(fast[name], slow[name], rtol=STATISTICS, atol=STATISTICS)
    assert set(fast) == set(slow)
    for name in (name for name in fast if name.startswith("gradient")):
        reach = GRADIENT * float(slow[name].abs().max())
        if name == "gradient of log_step":  # a sum of random signs; another code is another term
            terms = GRADIENT * x.numel() ** 0.5 + UPSTREAM * other_codes * x.numel()
            reach = step * place.damping * terms
        assert share_apart(fast[name], slow[name], reach) <= ON_AN_EDGE, name


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
def test_bfloat16_keeps_what_rounding_in_between_loses(shape: tuple[int, ...]) -> None:
    """As near to the exact step as the two steps are, which round to 8 bits between them."""
    place = quantizer(channels=shape[1])
    x = batch(shape).bfloat16()
    fast, slow = (outcome(x, place, compiled=on) for on in (True, False))
    exact = outcome(x.float(), place, compiled=False)
    for name in fast:
        lost, allowed = ((found[name] - exact[name]).norm() for found in (fast, slow))
        assert float(lost) <= float(allowed) + BFLOAT16 * float(exact[name].norm()), name


def test_its_sums_do_not_depend_on_the_threads() -> None:
    place, x = quantizer(channels=24), batch((2, 24, 40, 30))
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(outcome(x, place, compiled=True))
    for name in found[0]:
        assert torch.equal(found[0][name], found[1][name]), name
        assert torch.equal(found[0][name], found[2][name]), name


def test_what_is_no_number_stays_none() -> None:
    x = batch((2, 3, 4, 4))
    x[0, 1, 0, 0] = float("nan")
    found = outcome(x, quantizer(), compiled=True)
    assert found["out"][:, 1].isnan().all()
    assert not found["out"][:, [0, 2]].isnan().any()


def test_one_value_a_channel_is_too_few() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        outcome(batch((1, 3, 1, 1)), quantizer(), compiled=True)


class Doubled(LsqQuantizer):
    """A quantizer with a forward pass of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def test_a_quantizers_own_forward_pass_is_run() -> None:
    place = Doubled(Place(Method.parse("lsq:4", "activation"), "activation", False, 3))
    x = batch((2, 3, 4, 4))
    place(x)
    assert place.looks
    fast, slow = (outcome(x, place, compiled=on) for on in (True, False))
    torch.testing.assert_close(fast["out"], slow["out"])


@pytest.mark.parametrize("method", ["uniform:4:tensor", "affine:4:tensor"])
def test_quantizers_that_look_at_their_input_see_it(method: str) -> None:
    place = quantizer(method)
    before = place.step_now().detach().clone()
    outcome(batch((2, 3, 4, 4)) * 10, place, compiled=True)
    assert float(place.step_now()) != float(before)


def test_a_step_for_each_channel_is_each_channels_own() -> None:
    place, x = quantizer("lsq:4:channel"), batch((2, 3, 4, 4))
    fast, slow = (outcome(x, place, compiled=on) for on in (True, False))
    torch.testing.assert_close(fast["out"], slow["out"])
