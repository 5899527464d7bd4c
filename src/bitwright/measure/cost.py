"""What a network costs, worked out from its graph alone: nothing needs to be trained first."""

import math

from bitwright.errors import ExportError
from bitwright.graph import Graph, Node
from bitwright.quant.spec import Method

AFFINE = frozenset({"affine"})  # the transforms whose weights have zero points
BYTES_PER_BIAS = 4
BYTES_PER_LOGIT = 4


def costs(graph: Graph) -> dict[str, int]:
    """The costs of one image: macs, bitops, packed_bytes, peak_activation_bytes, parameters.

    MACs are those of convolutions and linear layers; bit-operations are MACs x weight bits x bits
    of the input's activation. Unquantized methods count their 16 or 32 bits.
    """
    return {
        "macs": sum(macs(graph, node) for node in graph.nodes),
        "bitops": sum(bitops(graph, node) for node in graph.nodes),
        "packed_bytes": packed_bytes(graph),
        "peak_activation_bytes": peak_activation_bytes(graph),
        "parameters": sum(parameters(graph, node) for node in graph.nodes),
    }


def macs(graph: Graph, node: Node) -> int:
    """The layer's multiply-accumulates on one image; 0 for layers without weights."""
    shape = graph.weight_shape(node)
    if not shape:
        return 0
    positions = math.prod(node.shape[1:])
    return math.prod(shape) * positions


def bitops(graph: Graph, node: Node) -> int:
    """The layer's MACs, each counted as weight bits x input bits."""
    if node.weight is None:
        return 0
    incoming = activation_method(graph, graph.node(node.inputs[0]))
    return macs(graph, node) * node.weight.bits * incoming.bits


def parameters(graph: Graph, node: Node) -> int:
    """The layer's weights and biases."""
    shape = graph.weight_shape(node)
    return math.prod(shape) + shape[0] if shape else 0


def activation_method(graph: Graph, node: Node) -> Method:
    """The method on whose grid the layer's output lies; max pooling passes its input's on."""
    while node.activation is None:
        if node.op != "max_pool":
            raise ExportError(
                f"layer '{node.name}' ({node.op}) feeds another layer but has no activation "
                "method; only the last layer may give raw logits"
            )
        node = graph.node(node.inputs[0])
    return node.activation


def packed_bytes(graph: Graph) -> int:
    """The network's packed bytes: weights, scales, biases, zero points and activation grids."""
    total = 0
    for node in graph.nodes:
        shape = graph.weight_shape(node)
        if shape and node.weight is not None:
            grids = shape[0] if node.weight.per_channel else 1
            total += packed_weight_bytes(
                node.weight, weights=math.prod(shape), grids=grids, biases=shape[0]
            )
        if node.activation is not None:
            grids = node.shape[0] if node.activation.per_channel else 1
            total += packed_grid_bytes(node.activation, grids=grids)
    return total


def packed_weight_bytes(method: Method, *, weights: int, grids: int, biases: int) -> int:
    """A layer's packed bytes: weights at their bits, 4 per scale and bias, 1 per zero point."""
    kernel = -(-weights * method.bits // 8)
    if not method.quantized:
        return kernel + BYTES_PER_BIAS * biases
    zero_points = grids if method.transform in AFFINE else 0
    return kernel + 4 * grids + BYTES_PER_BIAS * biases + zero_points


def packed_grid_bytes(method: Method, *, grids: int) -> int:
    """An activation's packed bytes: scale (4) and zero point (1) of each of its grids."""
    return 5 * grids if method.quantized else 0


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes of activations alive at once, layers running in their order.

    An input is freed after its last use. A code takes one byte whatever its bits, a logit four; the
    input image counts.
    """
    last_use = {source: at for at, node in enumerate(graph.nodes) for source in node.inputs}
    alive: dict[str, int] = {}
    peak = 0
    for at, node in enumerate(graph.nodes):
        alive[node.name] = math.prod(node.shape) * _element_bytes(graph, node)
        peak = max(peak, sum(alive.values()))
        for source in node.inputs:
            if last_use[source] == at:
                alive.pop(source, None)
    return peak


def _element_bytes(graph: Graph, node: Node) -> int:
    if node is graph.output and node.activation is None:
        return BYTES_PER_LOGIT
    method = activation_method(graph, node)
    return 1 if method.quantized else method.bits // 8
