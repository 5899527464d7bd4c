"""Every transform against its NumPy reference, at every width, grain and role."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bitwright.errors import ConfigError
from bitwright.quant.grids import code_range
from bitwright.quant.names import refusal
from bitwright.quant.spec import Method, Role
from bitwright.quant.transforms import TRANSFORMS, Place, Quantizer, transform_of
from bitwright.quant.transforms.base import SMALLEST_STEP, rows_of
from bitwright.quant.transforms.fixed import FullPrecision, GateQuantizer

SCALE_TOLERANCE = 2e-6  # relative: a step passes through log and exp, sums run in another order
GRAINS = ("tensor", "channel")
NAMES = tuple(TRANSFORMS)
LEARNED = ("apot", "logarithmic", "lsq", "pact", "power_of_two")
MOVED = 1  # code that a learned level may lie off: clusters are sums taken in another order
Floats = npt.NDArray[np.float32]


def place(name: str, bits: int, grain: str, role: Role, signed: bool, channels: int = 5) -> Place:
    return Place(Method(name, bits, grain == "channel"), role, signed, channels)


def sample(role: Role, *, channels: int = 5, seed: int = 0) -> Floats:
    """A weight (out, in, k, k) or activations (N, C, H, W), each channel of another size."""
    rng = np.random.default_rng(seed)
    sizes = np.exp2(rng.integers(-3, 3, channels))
    shape = (channels, 3, 3, 3) if role == "weight" else (4, channels, 3, 5)
    spread = sizes.reshape((-1, 1, 1, 1) if role == "weight" else (1, -1, 1, 1))
    return np.asarray(rng.normal(0.1, 1, shape) * spread, np.float32)


def by_channel(
    values: npt.NDArray[np.generic], like: Floats, role: Role
) -> npt.NDArray[np.generic]:
    """A grid's numbers, shaped to meet the tensor's channels."""
    if not values.ndim:
        return values
    return values.reshape((-1, 1, 1, 1) if role == "weight" else (1, -1, 1, 1))


PLACES = [
    place(name, bits, grain, role, signed)
    for name, bits, grain, (role, signed) in itertools.product(
        NAMES, range(1, 9), GRAINS, [("weight", True), ("activation", True), ("activation", False)]
    )
    if refusal(Method(name, bits, grain == "channel"), role) is None
]


def label(where: Place) -> str:
    return f"{where.method}-{where.role}-{'signed' if where.signed else 'unsigned'}"


@pytest.mark.parametrize("where", PLACES, ids=label)
def test_the_first_forward_pass_is_the_reference(where: Place) -> None:
    transform = transform_of(where.method)
    x = sample(where.role)
    quantizer = transform.quantizer(where).eval()
    out = quantizer(torch.from_numpy(x)).detach().numpy()
    grid, expected = quantizer.grid(), transform.reference_grid(x, where)

    np.testing.assert_allclose(grid.scale, expected.scale, rtol=SCALE_TOLERANCE)
    np.testing.assert_array_equal(grid.zero_point, expected.zero_point)
    assert (grid.bits, grid.low, grid.high) == (expected.bits, expected.low, expected.high)
    if expected.levels is not None:
        assert grid.levels is not None
        learned = where.method.transform == "codebook"
        np.testing.assert_allclose(grid.levels, expected.levels, atol=MOVED if learned else 0)
    assert grid.scale.dtype == np.float32
    assert grid.zero_point.dtype == np.int32
    assert grid.scale.shape == grid.zero_point.shape == ((5,) if where.method.per_channel else ())

    quantized = transform.reference(x, where, grid)
    np.testing.assert_array_equal(out, quantized.value)
    scale = by_channel(grid.scale, x, where.role)
    zero = by_channel(grid.zero_point, x, where.role)
    np.testing.assert_array_equal(out, ((quantized.codes - zero) * scale).astype(np.float32))
    assert quantized.codes.min() >= grid.low
    assert quantized.codes.max() <= grid.high
    for row in np.atleast_2d(rows_of(quantized.codes, where)):
        assert len(np.unique(row)) <= 2**where.method.bits
    if where.role == "activation" and not where.signed:
        assert out.min() >= 0
    if where.role == "weight":
        assert -128 <= grid.low < grid.high <= 127
    else:
        assert 0 <= grid.low < grid.high <= 255


def bends(where: Place) -> bool:
    """Whether values are bent before they are rounded: a second time bends them once more."""
    return where.method.transform == "dorefa" and where.role == "weight"


@pytest.mark.parametrize("where", [where for where in PLACES if not bends(where)], ids=label)
def test_what_lies_on_the_grid_stays_where_it_is(where: Place) -> None:
    quantizer = transform_of(where.method).quantizer(where).eval()
    with torch.no_grad():
        once = quantizer(torch.from_numpy(sample(where.role)))
        assert torch.equal(quantizer(once), once)


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from([where for where in PLACES if where.channels == 5]),
    hnp.arrays(
        np.float32,
        (5, 5, 2, 1),
        elements=st.floats(-(2.0**40), 2.0**40, width=32, allow_subnormal=False),
    ),
)
def test_any_numbers_land_on_the_grid(where: Place, x: Floats) -> None:
    transform = transform_of(where.method)
    quantizer = transform.quantizer(where)
    out = quantizer(torch.from_numpy(x)).detach().numpy()
    grid = quantizer.grid()
    assert (grid.scale > 0).all()
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out, transform.reference(x, where, grid).value)


@pytest.mark.parametrize(
    "where", [w for w in PLACES if w.method.transform == "power_of_two"], ids=label
)
def test_power_of_two_steps_are_powers_of_two(where: Place) -> None:
    quantizer = transform_of(where.method).quantizer(where)
    quantizer(torch.from_numpy(sample(where.role)))
    with torch.no_grad():
        for parameter in quantizer.parameters():
            parameter.add_(0.37)
    mantissas, _ = np.frexp(quantizer.grid().scale)
    assert (mantissas == 0.5).all()


@pytest.mark.parametrize(
    "where", [where for where in PLACES if where.signed and where.method.bits in (1, 2, 3, 8)]
)
def test_learned_steps_get_a_gradient_and_the_others_have_none(where: Place) -> None:
    name = where.method.transform
    quantizer = transform_of(where.method).quantizer(where)
    x = torch.from_numpy(sample(where.role)).requires_grad_()
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    (quantizer(x) * upstream).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    parameters = list(quantizer.parameters())
    assert len(parameters) == (1 if name in LEARNED else 0)
    for parameter in parameters:
        assert parameter.shape == quantizer.step_shape
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().min() > 0


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_steps_gradient_is_the_losss_slope_along_it(name: str) -> None:
    """All values far outside of the range: there the output is the bound times the step."""
    where = place(name, 4, "tensor", "activation", signed=True, channels=1)
    quantizer = transform_of(where.method).quantizer(where)
    x = torch.linspace(-1, 1, 64).view(1, 64)
    quantizer(x)
    quantizer.damping = 1.0
    (parameter,) = quantizer.parameters()
    step, high = float(quantizer.step_now().detach()), float(quantizer.high)
    quantizer(torch.full((1, 10), 1000 * step)).sum().backward()
    base = float(np.log(2)) if name == "power_of_two" else 1.0  # it is a logarithm of the step
    assert parameter.grad is not None
    assert float(parameter.grad) == pytest.approx(10 * high * step * base, rel=1e-3)


@pytest.mark.parametrize("where", PLACES[::7], ids=label)
def test_the_state_dict_brings_back_the_grid_and_that_it_was_fitted(where: Place) -> None:
    first = transform_of(where.method).quantizer(where)
    x = torch.from_numpy(sample(where.role))
    first(x)
    second = transform_of(where.method).quantizer(where)
    assert not second.fitted
    second.load_state_dict(first.state_dict())
    assert second.fitted
    assert second.damping == first.damping
    other = torch.from_numpy(sample(where.role, seed=1))
    assert torch.equal(second.eval()(other), first.eval()(other))
    np.testing.assert_array_equal(second.grid().scale, first.grid().scale)
    np.testing.assert_array_equal(second.grid().zero_point, first.grid().zero_point)


@pytest.mark.parametrize("name", ["uniform", "affine"])
def test_steps_follow_weights_at_once_and_activations_slowly(name: str) -> None:
    x = torch.from_numpy(sample("weight"))
    weights = transform_of(Method(name, 4, True)).quantizer(
        place(name, 4, "channel", "weight", True)
    )
    weights(x)
    start = weights.step_now().clone()
    weights(2 * x)
    torch.testing.assert_close(weights.step_now(), 2 * start)
    where = place(name, 4, "tensor", "activation", True)
    activations = transform_of(where.method).quantizer(where)
    activations(x)
    start = activations.step_now().clone()
    activations(2 * x)
    assert start < activations.step_now() < 1.1 * start
    moved = activations.step_now().clone()
    activations.eval()(8 * x)
    assert torch.equal(activations.step_now(), moved)


WEIGHTS_OF_CHANNELS = [
    where
    for where in PLACES
    if where.role == "weight" and where.method.per_channel and where.method.bits < 5
]


@pytest.mark.parametrize("where", WEIGHTS_OF_CHANNELS, ids=label)
def test_a_dead_channel_breaks_nothing(where: Place) -> None:
    x = torch.from_numpy(sample("weight"))
    x[2] = 0
    quantizer = transform_of(where.method).quantizer(where)
    out = quantizer(x.requires_grad_())
    out.sum().backward()
    assert out[2].abs().max() <= 2 * SMALLEST_STEP  # odd levels have no zero
    assert out.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_affine_grids_hold_real_zero_and_both_ends() -> None:
    where = place("affine", 4, "tensor", "activation", signed=True)
    quantizer = transform_of(where.method).quantizer(where)
    x = torch.tensor([[-1.0, 0.0, 2.0]])
    out = quantizer(x).detach()
    assert out[0, 1] == 0
    assert quantizer.grid().scale == np.float32(0.2)
    assert quantizer.grid().zero_point == 5
    torch.testing.assert_close(out, x)


def test_uniform_weights_leave_the_lowest_code_out() -> None:
    codes = code_range(Method.parse("uniform:8"), "weight", signed=True)
    assert (codes.low, codes.high) == (-127, 127)
    codes = code_range(Method.parse("uniform:2"), "weight", signed=True)
    assert (codes.low, codes.high, codes.levels) == (-1, 1, None)


def test_a_gate_ends_at_one() -> None:
    for bits, grain in itertools.product((1, 4, 8), GRAINS):
        gate = GateQuantizer(place("lsq", bits, grain, "activation", signed=False))
        x = torch.tensor([[-0.5, 0.0, 0.3, 1.0, 7.0]])
        out = gate(x)
        assert out.min() == 0
        assert out.max() == 1
        grid = gate.grid()
        np.testing.assert_allclose(grid.scale * (grid.high - grid.zero_point), 1)
        assert grid.scale.shape == ((5,) if grain == "channel" else ())


def test_full_precision_keeps_the_sign_rule() -> None:
    x = torch.tensor([-1.0, 0.5, 2.0])
    assert FullPrecision(signed=True, gate=False)(x).tolist() == [-1.0, 0.5, 2.0]
    assert FullPrecision(signed=False, gate=False)(x).tolist() == [0.0, 0.5, 2.0]
    assert FullPrecision(signed=False, gate=True)(x).tolist() == [0.0, 0.5, 1.0]


def test_transforms_go_by_their_own_names_and_cite_a_paper() -> None:
    for name in NAMES:
        transform = TRANSFORMS.get(name)
        assert transform.name == name
        assert transform.paper.startswith("arXiv ")
    with pytest.raises(ConfigError, match="unknown transform 'lsqq'; did you mean 'lsq'"):
        transform_of(Method("lsqq", 4, per_channel=True))


def test_a_quantizer_is_a_module_whose_buffers_move_with_it() -> None:
    where = place("affine", 4, "channel", "weight", signed=True)
    quantizer: Quantizer = transform_of(where.method).quantizer(where)
    assert {name for name, _ in quantizer.named_buffers()} == {"low", "high", "bottom", "top"}


@pytest.mark.parametrize(
    ("text", "role", "reason"),
    [
        ("pact:4", "weight", "'pact' is not for weights; its paper .* 'dorefa'"),
        ("codebook:4", "activation", "'codebook' is not for activations"),
        ("ternary:3", "weight", "3 bits; transform 'ternary' takes 2 for weights; .*'ternary:2'"),
        ("binary:2", "weight", "2 bits; transform 'binary' takes 1 for weights"),
        ("dorefa:1", "weight", "takes 2 to 8 for weights; .*'binary:1'"),
        ("apot:1", "activation", "takes 2 to 8 for activations; .*'lsq:1'"),
    ],
)
def test_a_width_that_the_mathematics_lacks_is_refused(text: str, role: Role, reason: str) -> None:
    method = Method.parse(text, role)
    with pytest.raises(ConfigError, match=reason):
        transform_of(method).quantizer(Place(method, role, signed=True, channels=2))
