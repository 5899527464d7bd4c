"""A kind of unit: a 1x1 convolution to half the width, then a full one."""

from bitwright.graph import GraphBuilder, Shape
from bitwright.records import UnitSpec
from bitwright.space.units import Methods, UnitKind


def expand(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
    """Appends the two convolutions after the last layer."""
    width = spec.integer("width")
    for name, out, kernel, stride in (
        ("narrow", max(1, width // 2), 1, 1),
        ("wide", width, spec.integer("kernel"), spec.integer("stride")),
    ):
        build.conv(
            f"{spec.path}/{name}",
            build.last,
            unit=spec.path,
            width=out,
            kernel=kernel,
            stride=stride,
            weight=methods.weight,
            activation=methods.activation,
        )


def needs_map(shape: Shape, stride: int) -> str | None:
    """Why it cannot stand there, or None."""
    return None if len(shape) == 3 else "it needs a map (C, H, W)"


SQUEEZED = UnitKind("squeezed", expand, fields=("kernel",), fits=needs_map)
