"""What a network costs, worked out from its graph alone: nothing needs to be trained first."""

import math

from bitwright.errors import ExportError
from bitwright.graph import Graph, Node
from bitwright.quant.grids import code_range
from bitwright.quant.levels import evenly_spaced
from bitwright.quant.names import traits_of
from bitwright.quant.spec import Method

BYTES_PER_BIAS = 4
BYTES_PER_LOGIT = 4
BYTES_PER_TABLE = 256  # a level for each uint8 code


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
    """The layer's MACs, each counted as weight bits x input bits.

    Uneven levels count 8: what is multiplied is their codes, looked up.
    """
    if node.weight is None:
        return 0
    incoming = activation_method(graph, graph.node(node.inputs[0]))
    return macs(graph, node) * multiplied_bits(node.weight) * multiplied_bits(incoming)


def multiplied_bits(method: Method) -> int:
    """The width at which values under a method are multiplied: 8 bits for uneven levels' codes."""
    even = not method.quantized or traits_of(method.transform).levels == "even"
    return method.bits if even else 8


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
    return total + packed_table_bytes(graph)


def packed_weight_bytes(method: Method, *, weights: int, grids: int, biases: int) -> int:
    """A layer's packed bytes: its kernel, 4 per scale and bias, 1 per zero point.

    A kernel takes its bits. One with uneven levels takes a byte for each of them too, or, where
    that comes to no more, a byte for each weight and no table.
    """
    kernel = -(-weights * method.bits // 8)
    if not method.quantized:
        return kernel + BYTES_PER_BIAS * biases
    kernel = min(kernel + weight_levels(method, grids), weights) if method.bits < 8 else weights
    zero_points = grids if traits_of(method.transform).zero_points else 0
    return kernel + 4 * grids + BYTES_PER_BIAS * biases + zero_points


def weight_levels(method: Method, grids: int) -> int:
    """How many levels a table holds for a layer's weights; 0 where they are even."""
    if traits_of(method.transform).levels == "learned":
        return int(2**method.bits * grids)
    levels = code_range(method, "weight", signed=True).levels
    return 0 if levels is None or evenly_spaced(levels) else len(levels)


def packed_table_bytes(graph: Graph) -> int:
    """The tables that take codes to uneven levels of activations, each counted once."""
    tables = {
        (node.activation.transform, node.activation.bits, node.signed): BYTES_PER_TABLE
        for node in graph.nodes
        if node.activation is not None and node.activation.quantized and not node.gate
        if code_range(node.activation, "activation", signed=node.signed).levels is not None
    }
    return sum(tables.values())


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
