"""A network that was never trained, in integers: what C would be written of it takes as long.

Its numbers are random, with the levels of its methods and rescales of usual size: instructions,
flash and RAM hardly depend on more.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import TargetError
from bitwright.export.integer import Grid, IntegerModel, Layer, Rescale
from bitwright.export.reference import rescale_for, rescales_for_sum
from bitwright.graph import Graph, Node
from bitwright.quant.grids import code_range, gate_method
from bitwright.quant.spec import Method

SPREAD = 2.5  # a grid's half range, in root mean squares of what falls on it
SCALES = 0.7, 1.4  # of channels, beside each other
UNEVEN = 0.97  # of a rescale, lest it be a power of two where no method makes it one


def stand_in(graph: Graph) -> IntegerModel:
    """An integer model of that graph; TargetError where a layer is not quantized."""
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    for node in graph.nodes:
        sources = [layer for name in node.inputs for layer in layers if layer.node.name == name]
        layers.append(_layer(graph, node, sources, rng))
    return IntegerModel(graph, tuple(layers))


def _layer(graph: Graph, node: Node, sources: Sequence[Layer], rng: np.random.Generator) -> Layer:
    output = _output(node)
    if node.op == "input":
        return Layer(node, output)
    grids = [layer.output for layer in sources if layer.output is not None]
    if node.op == "max_pool":
        return Layer(node, grids[0])
    parts = {} if node.weight is None else _weights(node.weight, graph.weight_shape(node), rng)
    if output is not None:
        parts["rescales"] = _rescales(graph, node, grids, output, parts)
    return Layer(node, output, **parts)


def _output(node: Node) -> Grid | None:
    """The grid of a node's codes; None for logits, and where codes pass unchanged."""
    if node.activation is None:
        return None
    method = _quantized(node, node.activation)
    codes = code_range(
        gate_method(method) if node.gate else method, "activation", signed=node.signed
    )
    levels = None if codes.levels is None else np.array(codes.levels, np.int32)
    one, zero = np.array(1.0, np.float32), np.array(codes.zero_point, np.int32)
    return Grid(one, zero, method.bits, codes.low, codes.high, levels)


def _weights(method: Method, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Any]:
    """Codes, grid and bias."""
    codes = code_range(method, "weight", signed=True)
    channels = (shape[0],) if method.per_channel else ()
    zero = np.zeros(channels, np.int32)
    if method.transform == "affine":
        zero = np.asarray(rng.integers(codes.low, codes.high + 1, channels), np.int32)
    levels = None if codes.levels is None else np.array(codes.levels, np.int32)
    if method.transform == "codebook":
        drawn = rng.integers(codes.low, codes.high + 1, (*channels, 2**method.bits))
        levels = np.sort(drawn, axis=-1).astype(np.int32)
    scale = np.asarray(rng.uniform(*SCALES, channels), np.float32)
    grid = Grid(scale, zero, method.bits, codes.low, codes.high, levels)
    random = grid.on_level(rng.integers(codes.low, codes.high + 1, shape)).astype(np.int8)
    bias = rng.integers(-1000, 1000, shape[0]).astype(np.int32)
    return {"codes": random, "weights": grid, "bias": bias}


def _rescales(
    graph: Graph, node: Node, grids: Sequence[Grid], output: Grid, parts: dict[str, Any]
) -> tuple[Rescale, ...]:
    """Factors that bring sums of usual size onto the whole grid."""
    half = max(output.high - output.low, 1) / 2
    rms = [max((grid.high - grid.low) / 4, 0.5) for grid in grids]
    powers = _in_powers(graph, node)
    match node.op:
        case "conv" | "linear":
            codes: npt.NDArray[np.int8] = parts["codes"]
            zero = parts["weights"].zero_point.reshape(-1, *[1] * (codes.ndim - 1))
            size = float(np.sqrt(np.mean((codes - zero.astype(np.float64)) ** 2)))
            usual = rms[0] * size * math.sqrt(math.prod(codes.shape[1:]))
            factors = half / (SPREAD * usual) * parts["weights"].scale.astype(np.float64)
            return (rescale_for(_usual(factors, powers=powers)),)
        case "add":
            both = [half / (SPREAD * math.sqrt(2) * size) for size in rms]
            return rescales_for_sum([_usual(factor, powers=powers) for factor in both])
        case "multiply":
            return (rescale_for(_usual(half / (rms[0] * grids[1].high), powers=powers)),)
        case _:  # averages, of the window or of the whole map
            area = node.kernel**2
            if node.op == "global_average_pool":
                area = math.prod(graph.node(node.inputs[0]).shape[1:])
            return (rescale_for(_usual(half / (area * rms[0]), powers=powers)),)


def _in_powers(graph: Graph, node: Node) -> bool:
    """Whether all scales are powers of two: steps by channel with a norm folded in are not."""
    methods = [graph.node(name).activation for name in node.inputs] + [node.activation]
    if node.weight is not None:
        if node.batch_norm and node.weight.per_channel:
            return False
        methods.append(node.weight)
    return all(method is not None and method.transform == "power_of_two" for method in methods)


def _usual(factor: npt.ArrayLike, *, powers: bool) -> npt.NDArray[np.float64]:
    """The factor, or the power of two that is next to it."""
    found = np.asarray(factor, np.float64) * UNEVEN
    return np.exp2(np.rint(np.log2(found))) if powers else found


def _quantized(node: Node, method: Method) -> Method:
    if not method.quantized:
        raise TargetError(
            f"layer '{node.name}': '{method}' is no integers; take methods of 1 to 8 bits"
        )
    return method


def alone(graph: Graph, node: Node) -> tuple[Graph, int]:
    """A graph of a layer and what makes its inputs; and how many layers come before it.

    Inputs are an image of their shape, brought there by nothing else: a vector lies in memory as a
    map of one pixel does, and a gate is the mean of the map that it scales.
    """
    sources = [graph.node(name) for name in node.inputs]
    shape = (*sources[0].shape, 1, 1)[:3]
    first = dataclasses.replace(_source(graph, sources[0]), name=IMAGE, op="input", inputs=())
    first = dataclasses.replace(first, shape=shape, weight=None, kernel=1, stride=1, groups=1)
    nodes, names = [first], [IMAGE] * len(sources)
    if node.op == "multiply":
        mean = Node("gate", "global_average_pool", (IMAGE,), shape[:1], IMAGE)
        gate = _source(graph, sources[1])
        nodes.append(dataclasses.replace(mean, activation=gate.activation, gate=gate.gate))
        names[1] = mean.name
    nodes.append(dataclasses.replace(node, inputs=tuple(names), name=ITSELF))
    return Graph(tuple(nodes)), len(nodes) - 2


IMAGE, ITSELF = "image", "layer"


def _source(graph: Graph, node: Node) -> Node:
    """The layer whose codes a layer hands on: itself, unless it is a maximum."""
    while node.op == "max_pool":
        node = graph.node(node.inputs[0])
    return node
