"""Small networks that use every kind of layer, to test exported C with."""

import dataclasses
from typing import Any

import numpy as np

from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.spec import Method

PIXELS = Method("uniform", 8, per_channel=False)


def every_layer(weight: str, activation: str, *, width: int = 6, size: int = 9) -> Graph:
    """A network with every operation, odd sizes and rows of weights that fill no words.

    >>> len({node.op for node in every_layer("lsq:4", "lsq:8:tensor").nodes})
    8
    """
    build = GraphBuilder((3, size, size + 2), PIXELS)
    codes = Method.parse(activation, "activation")
    quantized: dict[str, Any] = {"weight": Method.parse(weight), "activation": codes}
    build.conv("stem", "input", unit="u", width=width, kernel=3, stride=2, **quantized)
    build.conv("deep", "stem", unit="u", width=width, kernel=3, depthwise=True, **quantized)
    build.conv("point", "deep", unit="u", width=width, kernel=1, relu=False, **quantized)
    build.add("sum", "point", "stem", unit="u", activation=codes, relu=False)
    build.conv("wide", "sum", unit="u", width=2 * width, kernel=5, **quantized)
    build.conv("groups", "wide", unit="u", width=2 * width, kernel=3, **quantized)
    build.global_average_pool("mean", "groups", unit="u", activation=codes)
    build.linear("gate", "mean", unit="u", width=2 * width, signed=False, gate=True, **quantized)
    build.multiply("product", "groups", "gate", unit="u", activation=codes)
    build.pool("most", "product", unit="u", mode="max", size=2, activation=codes)
    build.conv("coarse", "most", unit="u", width=width, kernel=3, stride=2, **quantized)
    build.pool("average", "groups", unit="u", mode="average", size=2, activation=codes)
    build.conv(
        "deeper", "average", unit="u", width=2 * width, kernel=5, depthwise=True, **quantized
    )
    build.conv("fine", "deeper", unit="u", width=width, kernel=3, stride=2, **quantized)
    build.add("both", "coarse", "fine", unit="u", activation=codes, relu=True)
    build.linear("hidden", "both", unit="u", width=5, signed=False, **quantized)
    build.linear("head", "hidden", unit="h", width=4, weight=Method.parse(weight), activation=None)
    nodes = build.finish().nodes
    return Graph(
        tuple(
            dataclasses.replace(node, groups=2) if node.name == "groups" else node for node in nodes
        )
    )


def any_network(rng: np.random.Generator) -> Graph:
    """A small network of convolutions, every other one depthwise, of random shapes and methods.

    >>> any_network(np.random.default_rng(0)).output.shape
    (3,)
    """

    def whole(low: int, high: int) -> int:
        return int(rng.integers(low, high, endpoint=True))

    build = GraphBuilder((whole(1, 40), whole(1, 12), whole(1, 12)), PIXELS)
    weight = Method(str(rng.choice(("affine", "lsq"))), whole(1, 8), per_channel=bool(whole(0, 1)))
    codes = Method(str(rng.choice(("affine", "power_of_two"))), whole(2, 8), per_channel=False)
    how: dict[str, Any] = {"unit": "u", "weight": weight, "activation": codes}
    for at in range(whole(1, 3)):
        kernel, stride = (1, 3, 5)[whole(0, 2)], whole(1, 3)
        width = whole(1, 40)
        build.conv(f"conv{at}", build.last, width=width, kernel=kernel, stride=stride, **how)
        kernel, stride = (1, 3, 3, 5)[whole(0, 3)], whole(1, 3)
        shape: dict[str, Any] = {"width": width, "kernel": kernel, "stride": stride}
        build.conv(f"deep{at}", build.last, depthwise=True, **shape, **how)
    build.linear("head", build.last, unit="h", width=3, weight=weight, activation=None)
    return build.finish()
