"""Layers alone in an ONNX model, with numbers that do not matter: what the latency table times.

A layer's time in ONNX Runtime depends on its shapes, on how its codes are cut off and on whether
its weights keep a zero point. It depends neither on its numbers nor on the bits of its weights,
which are widened as a file is loaded.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from bitwright.export.integer import Grid, IntegerModel, Layer
from bitwright.export.onnx_file import model_of
from bitwright.export.onnx_writer import Writer
from bitwright.export.reference import rescales_of
from bitwright.export.widths import widths
from bitwright.graph import Graph, Node, Shape
from bitwright.quant.grids import code_range, gate_method
from bitwright.quant.spec import Method

EIGHT = Method("uniform", 8, per_channel=False)
COPIES = 6  # of a layer: what they take is large beside what a run takes in any case
LARGEST = 127


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """All that a layer's time depends on.

    `node` has the channels of the file, `sources` are the shapes of its inputs there. `image` is
    how many channels the image is filled up to, where the layer reads it; else None.
    """

    node: Node
    sources: tuple[Shape, ...]
    image: int | None = None

    @classmethod
    def of(cls, graph: Graph, node: Node, wide: Mapping[str, int]) -> "Kind":
        """The kind of a network's layer; `wide` are the network's channels in the file."""

        def shape(name: str) -> Shape:
            channels, *map_ = graph.node(name).shape
            return (wide.get(name, channels), *map_)

        own = shape(node.name)
        groups = own[0] if node.groups > 1 else 1
        node = dataclasses.replace(node, shape=own, groups=groups)
        image = graph.input
        if image.name in node.inputs:
            sources = tuple(graph.node(name).shape for name in node.inputs)
            return cls(node, sources, wide.get(image.name, image.shape[0]))
        return cls(node, tuple(map(shape, node.inputs)))

    @property
    def key(self) -> str:
        """The kind as text."""
        node = self.node
        about = [node.op, self.sources, node.shape, node.kernel, node.stride, node.groups]
        return json.dumps([*about, self.image, _keeps_zero(node), _cut_off(node)])

    @property
    def copies(self) -> int:
        """How often the layer stands in its model: once where copies would share some work."""
        shares = self.image is not None or self.node.op in ("max_pool", "multiply")
        flattens = self.node.op == "linear" and len(self.sources[0]) > 1
        return 1 if shares or flattens or self.node.activation is None else COPIES

    def model(self) -> onnx.ModelProto:
        """The layer, as often as it has copies, behind what makes its inputs."""
        return _written(self, alone=True)

    def base(self) -> onnx.ModelProto:
        """What makes its inputs, as many results handed out as of the copies."""
        return _written(self, alone=False)


def stand_in(graph: Graph) -> onnx.ModelProto:
    """A whole network with such numbers, written as one that is shipped."""
    writer = Writer(_model(graph), widths(graph))
    writer.append_all()
    return model_of(writer.graph())


def nothing() -> onnx.ModelProto:
    """A network that hands out its image's shape."""
    image = _node("image", "input", (), (1, 1, 1))
    return model_of(Writer(_model(Graph((image,))), {}).unread([image.name]))


def _keeps_zero(node: Node) -> bool:
    """Whether weights have a zero point that cannot be taken off as the file is loaded."""
    return node.weight is not None and node.weight.transform == "affine" and node.weight.bits == 8


def _cut_off(node: Node) -> list[bool] | None:
    """Whether codes are cut off below 255, above 0, and moved to levels; None without codes."""
    if node.activation is None:
        return None
    grid = _grid(node, 1.0)
    return [grid.high < 255, grid.low > 0, grid.uneven]


def _written(kind: Kind, *, alone: bool) -> onnx.ModelProto:
    sources, read = _sources(kind)
    names = [f"layer{at}" for at in range(kind.copies if alone else 0)]
    own = [dataclasses.replace(kind.node, name=name, inputs=read) for name in names]
    graph = Graph((*sources, *own))
    writer = Writer(_model(graph), {} if kind.image is None else {graph.input.name: kind.image})
    writer.append_all()
    if own and graph.output.activation is None and graph.output.op == "linear":
        return model_of(writer.graph())
    handed_out = itertools.islice(itertools.cycle(reversed(names or read)), kind.copies)
    return model_of(writer.unread(list(handed_out)))


def _sources(kind: Kind) -> tuple[list[Node], tuple[str, ...]]:
    """What makes the layer's inputs, and their names: the image, or layers that read one."""
    shape = kind.sources[0]
    if kind.image is not None:
        return [_node("image", "input", (), shape)], ("image",)
    nodes = [_node("image", "input", (), (*shape, 1, 1)[:3]), _weighted("first", "image", shape)]
    if len(kind.sources) == 1:
        return nodes, ("first",)
    if kind.node.op != "multiply":
        return [*nodes, _weighted("second", "image", shape)], ("first", "second")
    mean = _node("mean", "global_average_pool", ("first",), shape[:1])
    return [*nodes, mean, _weighted("gate", "mean", shape[:1])], ("first", "gate")


def _node(name: str, op: Any, inputs: tuple[str, ...], shape: Shape) -> Node:
    return Node(name, op, inputs, shape, "", activation=EIGHT, signed=True)


def _weighted(name: str, source: str, shape: Shape) -> Node:
    op = "conv" if len(shape) > 1 else "linear"
    return dataclasses.replace(_node(name, op, (source,), shape), weight=EIGHT)


def _model(graph: Graph) -> IntegerModel:
    layers: list[Layer] = []
    for at, node in enumerate(graph.nodes):
        so_far = IntegerModel(graph, tuple(layers))
        grids = [so_far.grid(name) for name in node.inputs]
        # Scales differ, as ONNX Runtime would compute equal layers but once.
        output = None if node.activation is None else _grid(node, 1 + at / 64)
        if node.op in ("input", "max_pool"):
            layers.append(Layer(node, output or grids[0]))
            continue
        parts = _weights(graph, node, at) if node.weight is not None else {}
        rescales = rescales_of(node, grids, output, weights=parts.get("weights"))
        layers.append(Layer(node, output, rescales=rescales, **parts))
    return IntegerModel(graph, tuple(layers))


def _weights(graph: Graph, node: Node, seed: int) -> dict[str, Any]:
    shape = graph.weight_shape(node)
    codes = np.random.default_rng(seed).integers(-LARGEST, LARGEST + 1, shape).astype(np.int8)
    codes.flat[0] = -LARGEST  # so that a zero point takes it out of int8, and stays
    zero = np.array(int(_keeps_zero(node)), np.int32)
    grid = Grid(np.array(1.0, np.float32), zero, 8, -LARGEST, LARGEST)
    return {"codes": codes, "weights": grid, "bias": np.zeros(shape[0], np.int32)}


def _grid(node: Node, scale: float) -> Grid:
    """The grid of a node's codes."""
    assert node.activation is not None
    method = gate_method(node.activation) if node.gate else node.activation
    codes = code_range(method, "activation", signed=node.signed)
    levels = None if codes.levels is None else np.array(codes.levels, np.int32)
    numbers = np.array(scale, np.float32), np.array(codes.zero_point, np.int32)
    return Grid(*numbers, method.bits, codes.low, codes.high, levels)
