"""The contract of a kind of unit as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_kind(check):
        check(MY_KIND)

Each check raises AssertionError with the law that was broken.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from bitwright.config import StageConfig
from bitwright.export import reference
from bitwright.graph import Graph, GraphBuilder, Shape
from bitwright.nets.build import QuantNet
from bitwright.quant.spec import Method
from bitwright.records import Pick, UnitSpec
from bitwright.space.joint import INPUT_METHOD
from bitwright.space.units import UNITS, Methods, UnitKind

SHAPES: tuple[Shape, ...] = ((1, 8, 8), (4, 8, 8), (6, 5, 7), (12,))
STRIDES = (1, 2, 4)
WIDTHS = (4, 6)
OPTIONS: dict[str, tuple[Pick, ...]] = {
    "kernel": (1, 3, 5),
    "expansion": (1, 2),
    "squeeze_excite": (0, 1),
    "convs": (2, 3),
}
WEIGHT, ACTIVATION = Method.parse("lsq:4"), Method.parse("lsq:8", "activation")
LOGIT_TOLERANCE = 1e-3  # of the largest logit: float32 sums against exact ones


def says_where_it_fits(kind: UnitKind) -> None:
    """`fits` answers None or a reason for every shape and stride, and something fits."""
    answers = [kind.fits(shape, stride) for shape in SHAPES for stride in STRIDES]
    assert all(answer is None or (isinstance(answer, str) and answer) for answer in answers), (
        "fits gives None or the reason why not"
    )
    assert None in answers, f"'{kind.name}' fits nowhere among {SHAPES} with strides {STRIDES}"


def asks_for_keys_of_a_stage(kind: UnitKind) -> None:
    """Its fields are keys of a stage whose options are chosen unit by unit."""
    unknown = set(kind.fields) - (set(StageConfig.model_fields) & set(OPTIONS))
    assert not unknown, f"a stage has no key {sorted(unknown)}; it has {sorted(OPTIONS)}"


def keeps_its_promise_of_shape(kind: UnitKind) -> None:
    """It gives the stage's width where it says so, and its fields do not change the shape."""
    for shape, stride, width in _places(kind):
        after = {build.shape(build.last) for _, build in _variants(kind, shape, stride, width)}
        assert len(after) == 1, f"the shape depends on the fields {kind.fields}: {after}"
        channels = after.pop()[0]
        expected = width if kind.sets_width else shape[0]
        assert channels == expected, f"it gives {channels} channels where {expected} are promised"


def names_its_layers_after_itself(kind: UnitKind) -> None:
    """Its layers' names begin with the unit's path, and each says whose it is."""
    for shape, stride, width in _places(kind):
        for spec, build in _variants(kind, shape, stride, width):
            for node in build.finish().nodes[1:]:
                assert node.name.startswith(f"{spec.path}/"), f"layer '{node.name}'"
                assert node.unit == spec.path, f"layer '{node.name}' is of unit '{node.unit}'"


def uses_the_methods_of_its_roles(kind: UnitKind) -> None:
    """Weights and activations take the unit's methods, in the roles that it has and no others."""
    for shape, stride, width in _places(kind):
        for _, build in _variants(kind, shape, stride, width):
            nodes = build.finish().nodes[1:]
            weights = {node.weight for node in nodes} - {None}
            activations = {node.activation for node in nodes} - {None}
            assert weights <= {WEIGHT} and activations <= {ACTIVATION}, "a method is not the unit's"
            assert bool(weights) == ("weight" in kind.roles), f"roles {kind.roles}, but {weights}"
            assert bool(activations) == ("activation" in kind.roles), (
                f"roles {kind.roles}, but {activations}"
            )


def trains_and_becomes_integers(kind: UnitKind) -> None:
    """Every parameter gets a gradient, and the integer model computes what the network does."""
    shape, stride, width = next(_places(kind))
    for graph in _networks(kind, shape, stride, width):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = QuantNet(graph, input_step=1 / 64, input_zero=128)
            codes = torch.randint(0, 256, (32, *shape), dtype=torch.uint8)
        for _ in range(2):  # the first pass fits the steps
            loss = torch.nn.functional.cross_entropy(net(codes), torch.arange(32) % 3)
        loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, f"parameter '{name}' gets no gradient"
            assert parameter.grad.isfinite().all(), f"the gradient of '{name}' is {parameter.grad}"
        with torch.no_grad():
            trained = net.eval()(codes).numpy()
        exact = reference.run(net.to_integer(), codes.numpy())
        error = np.abs(trained - exact).max() / max(np.abs(exact).max(), 1e-9)
        assert error <= LOGIT_TOLERANCE, f"the integer model is off by {error:.2g} of its logits"


CHECKS: Sequence[Callable[[UnitKind], None]] = (
    says_where_it_fits,
    asks_for_keys_of_a_stage,
    keeps_its_promise_of_shape,
    names_its_layers_after_itself,
    uses_the_methods_of_its_roles,
    trains_and_becomes_integers,
)


def _places(kind: UnitKind) -> Iterator[tuple[Shape, int, int]]:
    """Every input shape, stride and width that the kind can have."""
    for shape, stride, width in itertools.product(SHAPES, STRIDES, WIDTHS):
        if kind.fits(shape, stride) is None:
            yield shape, stride, width


def _variants(
    kind: UnitKind, shape: Shape, stride: int, width: int
) -> Iterator[tuple[UnitSpec, GraphBuilder]]:
    """The unit alone under every choice of its fields."""
    for picks in itertools.product(*(OPTIONS[field] for field in kind.fields)):
        params: list[tuple[str, Pick]] = [("width", width)] if kind.sets_width else []
        params += [("stride", stride), *zip(kind.fields, picks, strict=True)]
        spec = UnitSpec("body/0", kind.name, tuple(params))
        build = GraphBuilder(shape, INPUT_METHOD)
        kind.expand(build, spec, Methods(WEIGHT, ACTIVATION))
        yield spec, build


def _networks(kind: UnitKind, shape: Shape, stride: int, width: int) -> Iterator[Graph]:
    """A convolution, the unit and a classifier, for the first and the last choice of fields."""
    variants = list(_variants(kind, shape, stride, width))
    for spec in {variants[0][0]: None, variants[-1][0]: None}:
        build = GraphBuilder(shape, INPUT_METHOD)
        methods = Methods(WEIGHT, ACTIVATION)
        if len(shape) == 3:
            params = (("width", shape[0]), ("stride", 1), ("kernel", 3))
            UNITS.get("conv").expand(build, UnitSpec("stem/0", "conv", params), methods)
        kind.expand(build, spec, methods)
        head = UnitSpec("head", "classifier", (("width", 3),))
        UNITS.get("classifier").expand(build, head, methods)
        yield build.finish()
