"""The kinds of unit a network is stacked from (M2.1): what each asks for, and which layers it is.

A new kind is one `UnitKind` registered under its name: torch, the exporters and the costs follow
from the layers that its `expand` adds to the graph.
"""

import dataclasses
from collections.abc import Callable

from bitwright.graph import GraphBuilder, Shape
from bitwright.quant.spec import ROLES, Method, Role
from bitwright.records import UnitSpec
from bitwright.registry import Form, Registry


@dataclasses.dataclass(frozen=True, slots=True)
class Methods:
    """The methods of one unit; a role that the kind does not have holds the default."""

    weight: Method
    activation: Method


Expand = Callable[[GraphBuilder, UnitSpec, Methods], None]


@dataclasses.dataclass(frozen=True, slots=True)
class UnitKind:
    """A kind of unit.

    `fields` are the stage's keys whose options it chooses from, unit by unit; the shape it gives
    must not depend on them. `roles` are the sites it has. `sets_width` says that it gives the
    stage's width (others keep the channels they get). `fits(shape, stride)` returns the reason why
    it cannot stand there, or None. `expand` appends its layers after `builder.last`.
    """

    name: str
    expand: Expand
    fields: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ROLES
    sets_width: bool = True
    fits: Callable[[Shape, int], str | None] = lambda shape, stride: None


UNITS: Registry[UnitKind] = Registry(
    "unit kind",
    group="bitwright.units",
    form=Form("a UnitKind", lambda entry: isinstance(entry, UnitKind)),
)


def _needs_map(shape: Shape, stride: int) -> str | None:
    return None if len(shape) == 3 else "it needs a map (C, H, W), the layer before gives a vector"


def _fits_pool(shape: Shape, stride: int) -> str | None:
    if len(shape) != 3 or stride < 2:
        return "pooling needs a map and a stride of 2 or more"
    if min(shape[1:]) < stride:
        return f"the {shape[1]}x{shape[2]} map is under {stride}x{stride}"
    return None


def _fits_identity(shape: Shape, stride: int) -> str | None:
    return None if stride == 1 else "identity cannot take a stride"


def _conv(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    build.conv(
        f"{spec.path}/conv",
        build.last,
        unit=spec.path,
        width=spec.integer("width"),
        kernel=spec.integer("kernel"),
        stride=spec.integer("stride"),
        weight=methods.weight,
        activation=methods.activation,
    )


def _depthwise_separable(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """Depthwise then pointwise convolution, each with batch norm and ReLU (arXiv 1704.04861)."""
    build.conv(
        f"{spec.path}/depthwise",
        build.last,
        unit=spec.path,
        width=build.shape(build.last)[0],
        kernel=spec.integer("kernel"),
        stride=spec.integer("stride"),
        depthwise=True,
        weight=methods.weight,
        activation=methods.activation,
    )
    build.conv(
        f"{spec.path}/pointwise",
        build.last,
        unit=spec.path,
        width=spec.integer("width"),
        kernel=1,
        weight=methods.weight,
        activation=methods.activation,
    )


def _inverted_bottleneck(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """Expand, depthwise, (squeeze-excite), project; a sum where shapes allow (arXiv 1801.04381)."""
    source, path = build.last, spec.path
    inner = build.shape(source)[0] * spec.integer("expansion")
    weight, activation = methods.weight, methods.activation
    if spec.integer("expansion") > 1:
        build.conv(
            f"{path}/expand",
            source,
            unit=path,
            width=inner,
            kernel=1,
            weight=weight,
            activation=activation,
        )
    build.conv(
        f"{path}/depthwise",
        build.last,
        unit=path,
        width=inner,
        kernel=spec.integer("kernel"),
        stride=spec.integer("stride"),
        depthwise=True,
        weight=weight,
        activation=activation,
    )
    if spec.integer("squeeze_excite", 0):
        _squeeze_excite(build, path, methods)
    build.conv(
        f"{path}/project",
        build.last,
        unit=path,
        width=spec.integer("width"),
        kernel=1,
        relu=False,
        weight=weight,
        activation=activation,
    )
    if build.shape(source) == build.shape(build.last):
        build.add(f"{path}/add", build.last, source, unit=path, activation=activation, relu=False)


def _squeeze_excite(build: GraphBuilder, path: str, methods: Methods) -> None:
    """Channels scaled by a gate made from their means (arXiv 1709.01507).

    The gate is a hard sigmoid by saturation: the second layer's output, clipped to 0..1 by its
    grid.
    """
    source = build.last
    channels = build.shape(source)[0]
    weight, activation = methods.weight, methods.activation
    build.global_average_pool(f"{path}/squeeze", source, unit=path, activation=activation)
    build.linear(
        f"{path}/reduce",
        build.last,
        unit=path,
        width=max(4, channels // 4),
        weight=weight,
        activation=activation,
        signed=False,
    )
    gate = build.linear(
        f"{path}/gate",
        build.last,
        unit=path,
        width=channels,
        weight=weight,
        activation=activation,
        signed=False,
        gate=True,
    )
    build.multiply(f"{path}/excite", source, gate, unit=path, activation=activation)


def _residual(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """Two or three convolutions beside a shortcut (arXiv 1512.03385).

    With three, the first and last are 1x1 and the middle works on half the width.
    """
    source, path = build.last, spec.path
    width, kernel = spec.integer("width"), spec.integer("kernel")
    stride = spec.integer("stride")
    weight, activation = methods.weight, methods.activation
    if spec.integer("convs") == 2:
        steps = [(width, kernel, stride), (width, kernel, 1)]
    else:
        narrow = max(1, width // 2)
        steps = [(narrow, 1, 1), (narrow, kernel, stride), (width, 1, 1)]
    for number, (out, size, step) in enumerate(steps, start=1):
        build.conv(
            f"{path}/conv{number}",
            build.last,
            unit=path,
            width=out,
            kernel=size,
            stride=step,
            relu=number < len(steps),
            weight=weight,
            activation=activation,
        )
    branch, shortcut = build.last, source
    if build.shape(branch) != build.shape(source):
        shortcut = build.conv(
            f"{path}/shortcut",
            source,
            unit=path,
            width=width,
            kernel=1,
            stride=stride,
            relu=False,
            weight=weight,
            activation=activation,
        )
    build.add(f"{path}/add", branch, shortcut, unit=path, activation=activation, relu=True)


def _max_pool(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """The largest code of each window: codes pass unchanged, so it has no method of its own."""
    _pool(build, spec, methods, average=False)


def _average_pool(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    _pool(build, spec, methods, average=True)


def _pool(build: GraphBuilder, spec: UnitSpec, methods: Methods, *, average: bool) -> None:
    build.pool(
        f"{spec.path}/pool",
        build.last,
        unit=spec.path,
        mode="average" if average else "max",
        size=spec.integer("stride"),
        activation=methods.activation,
    )


def _identity(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """No layer at all."""


def _fully_connected(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    build.linear(
        f"{spec.path}/linear",
        build.last,
        unit=spec.path,
        width=spec.integer("width"),
        weight=methods.weight,
        activation=methods.activation,
        signed=False,
    )


def _classifier(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """The mean over the map, then one fully connected layer that gives the logits."""
    if len(build.shape(build.last)) == 3:
        build.global_average_pool(
            f"{spec.path}/mean", build.last, unit=spec.path, activation=methods.activation
        )
    build.linear(
        f"{spec.path}/linear",
        build.last,
        unit=spec.path,
        width=spec.integer("width"),
        weight=methods.weight,
        activation=None,
    )


for _kind in (
    UnitKind("conv", _conv, ("kernel",), fits=_needs_map),
    UnitKind("depthwise_separable", _depthwise_separable, ("kernel",), fits=_needs_map),
    UnitKind(
        "inverted_bottleneck",
        _inverted_bottleneck,
        ("kernel", "expansion", "squeeze_excite"),
        fits=_needs_map,
    ),
    UnitKind("residual", _residual, ("kernel", "convs"), fits=_needs_map),
    UnitKind("max_pool", _max_pool, (), (), sets_width=False, fits=_fits_pool),
    UnitKind("average_pool", _average_pool, (), ("activation",), sets_width=False, fits=_fits_pool),
    UnitKind("identity", _identity, (), (), sets_width=False, fits=_fits_identity),
    UnitKind("fully_connected", _fully_connected, ()),
    UnitKind("classifier", _classifier, ()),
):
    UNITS.register(_kind.name, _kind)
