"""The contract of a transform as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_transform(check):
        check(MyTransform())

The transform is registered under its name. Each check raises AssertionError with the law that was
broken, and the place where.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from bitwright.export import reference
from bitwright.nets.build import QuantNet
from bitwright.quant.names import refusal
from bitwright.quant.spec import Method, Role
from bitwright.quant.transforms.base import Place, Quantized, Transform, rows_of
from bitwright.space.joint import expand
from bitwright.testing.networks import blueprint_of

CHANNELS = 5
SCALE_TOLERANCE = 2e-6  # relative: a step passes through log and exp, sums run in another order
LOGIT_TOLERANCE = 1e-5  # of the largest logit: float32 sums against exact ones
MAY_DIFFER = 0.15  # of the inputs: a sum that float32 puts on the other side of a tie
Floats = npt.NDArray[np.float32]


def the_first_pass_is_the_reference(transform: Transform) -> None:
    """Torch and NumPy fit the same grid and put every value on the same code."""
    for place in _places(transform):
        x = _sample(place)
        quantizer = transform.quantizer(place).eval()
        out = quantizer(torch.from_numpy(x)).detach().numpy()
        grid, expected = quantizer.grid(), transform.reference_grid(x, place)
        where = _name(place)
        np.testing.assert_allclose(
            grid.scale, expected.scale, rtol=SCALE_TOLERANCE, err_msg=f"{where}: scales"
        )
        np.testing.assert_array_equal(
            grid.zero_point, expected.zero_point, err_msg=f"{where}: zero points"
        )
        told = transform.reference(x, place, grid).value
        np.testing.assert_array_equal(out, told, err_msg=f"{where}: values")


def values_are_codes_on_the_grid(transform: Transform) -> None:
    """A value is (code - zero point) * scale, with no more codes than the bits can tell apart."""
    for place in _places(transform):
        found = _quantized(transform, place)
        grid, where = found.grid, _name(place)
        assert grid.bits == place.method.bits, f"{where}: the grid has {grid.bits} bits"
        assert grid.scale.dtype == np.float32 and (grid.scale > 0).all(), f"{where}: {grid.scale}"
        shape = (CHANNELS,) if place.method.per_channel else ()
        assert grid.scale.shape == grid.zero_point.shape == shape, f"{where}: {grid.scale.shape}"
        assert grid.low <= found.codes.min() <= found.codes.max() <= grid.high, f"{where}: codes"
        low, high = (-128, 127) if place.role == "weight" else (0, 255)
        assert low <= grid.low < grid.high <= high, f"{where}: codes {grid.low} to {grid.high}"
        for row in np.atleast_2d(rows_of(found.value, place)):
            assert len(np.unique(row)) <= 2**grid.bits, f"{where}: more levels than bits"
        if not place.signed:
            assert found.value.min() >= 0, f"{where}: a value that cannot be is negative"


def evaluation_changes_nothing(transform: Transform) -> None:
    """In evaluation mode, other data leave the grid as it was fitted."""
    for place in _places(transform):
        quantizer = transform.quantizer(place)
        quantizer(torch.from_numpy(_sample(place)))
        before = quantizer.eval().grid()
        quantizer(torch.from_numpy(8 * _sample(place, seed=1)))
        after = quantizer.grid()
        assert np.array_equal(before.scale, after.scale), f"{_name(place)}: the step moved"
        assert np.array_equal(before.zero_point, after.zero_point), f"{_name(place)}: zero moved"


def gradients_are_finite(transform: Transform) -> None:
    """Inputs and what is learned get finite gradients, also where a channel is all zero."""
    for place in _places(transform):
        quantizer = transform.quantizer(place)
        x = torch.from_numpy(_sample(place))
        x[2 if place.role == "weight" else (slice(None), 2)] = 0
        x.requires_grad_()
        upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        (quantizer(x) * upstream).sum().backward()
        assert x.grad is not None and x.grad.abs().sum() > 0, f"{_name(place)}: no gradient"
        for gradient in (x.grad, *(parameter.grad for parameter in quantizer.parameters())):
            assert gradient is not None and gradient.isfinite().all(), f"{_name(place)}: {gradient}"


def the_state_dict_is_the_whole_state(transform: Transform) -> None:
    """A quantizer with another's state dict quantizes as that one does."""
    for place in _places(transform):
        first, second = (transform.quantizer(place) for _ in range(2))
        first(torch.from_numpy(_sample(place)))
        second.load_state_dict(first.state_dict())
        other = torch.from_numpy(_sample(place, seed=1))
        with torch.no_grad():
            same = torch.equal(first.eval()(other), second.eval()(other))
        assert same, f"{_name(place)}: part of the state is not in the state dict"


def networks_become_the_same_integers(transform: Transform) -> None:
    """A network trained for a few steps under it computes what its integer model does."""
    for weight, activation in _policies(transform):
        blueprint = blueprint_of(
            {"name": "stem", "width": 8},
            {"name": "body", "kinds": "conv", "width": 8},  # sums of two grids lie on ties
            weight=str(weight),
            activation=str(activation),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = QuantNet(expand(blueprint), input_step=1 / 64, input_zero=128)
            codes = torch.randint(0, 256, (32, 1, 8, 8), dtype=torch.uint8)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        for _ in range(3):  # the first pass fits the steps
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(codes), torch.arange(32) % 10)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            trained = net.eval()(codes).numpy()
        exact = reference.run(net.to_integer(), codes.numpy())
        apart = np.abs(trained - exact).max(1) > LOGIT_TOLERANCE * np.abs(exact).max()
        assert apart.mean() <= MAY_DIFFER, f"{weight}, {activation}: {apart.mean():.0%} differ"


CHECKS: Sequence[Callable[[Transform], None]] = (
    the_first_pass_is_the_reference,
    values_are_codes_on_the_grid,
    evaluation_changes_nothing,
    gradients_are_finite,
    the_state_dict_is_the_whole_state,
    networks_become_the_same_integers,
)


def _places(transform: Transform) -> Iterator[Place]:
    """Every width, grain and role that the transform has."""
    roles: tuple[tuple[Role, bool], ...] = (
        ("weight", True),
        ("activation", True),
        ("activation", False),
    )
    for role, signed in roles:
        for method in _methods(transform, role):
            yield Place(method, role, signed, CHANNELS)


def _methods(transform: Transform, role: Role) -> Iterator[Method]:
    for bits, per_channel in itertools.product(range(1, 9), (False, True)):
        method = Method(transform.name, bits, per_channel)
        if refusal(method, role) is None:
            yield method


def _policies(transform: Transform) -> Iterator[tuple[Method, Method]]:
    """Widths of weights, of both grains, with widths of activations; LSQ where it has no role."""
    weights = [m for m in _methods(transform, "weight") if m.per_channel == bool(m.bits % 2)]
    weights = weights or [Method.parse("lsq:4")]
    activations = [m for m in _methods(transform, "activation") if not m.per_channel]
    activations = activations or [Method.parse("lsq:8:tensor")]
    for number in range(max(len(weights), len(activations))):
        yield weights[number % len(weights)], activations[number % len(activations)]


def _sample(place: Place, *, seed: int = 0) -> Floats:
    """A weight (out, in, k, k) or activations (N, C, H, W), each channel of another size."""
    rng = np.random.default_rng(seed)
    sizes = np.exp2(rng.integers(-3, 3, CHANNELS))
    weight = place.role == "weight"
    shape = (CHANNELS, 3, 3, 3) if weight else (4, CHANNELS, 3, 5)
    spread = sizes.reshape((-1, 1, 1, 1) if weight else (1, -1, 1, 1))
    return np.asarray(rng.normal(0.1, 1, shape) * spread, np.float32)


def _quantized(transform: Transform, place: Place) -> Quantized:
    x = _sample(place)
    return transform.reference(x, place, transform.reference_grid(x, place))


def _name(place: Place) -> str:
    return f"{place.method} {place.role}{'' if place.signed else ', never negative'}"
