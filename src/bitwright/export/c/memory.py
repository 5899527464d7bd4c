"""What a network's layers need of memory, and how many rows convolutions take at a time.

A convolution decodes a block of rows of weights and multiplies them with the inputs of all pixels,
which it gathers anew for every block; a depthwise one makes some rows of its output at a time. More
rows at a time are faster and take more scratch memory. So each layer takes as many as find room in
what the network needs anyway.
"""

import dataclasses
import math
from collections.abc import Mapping

from bitwright.export.c.arena import Block, Plan, plan
from bitwright.graph import Graph, Node, Shape

LOGITS = "logits"
BYTES_PER_LOGIT = 4
FEWEST, USUAL = 4, 8  # rows of weights at a time: at least, and where they are short
SHORT_BYTES = 2560  # of a usual block of rows
STRIP_BYTES = 2048  # of a depthwise layer's planes, where they hold more than one row
PIXELS, PLANES = 4, 4  # at a time: of convolutions, and channels of depthwise ones


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Where everything lies, and the rows at a time by convolution."""

    plan: Plan
    rows: dict[str, int]


def memory_of(graph: Graph, rows: Mapping[str, int] | None = None) -> Memory:
    """The plan of a network's memory; with those `rows` at a time where they are given."""
    convolutions = [node for node in graph.nodes if node.op == "conv"]
    shapes = {node.name: graph.node(node.inputs[0]).shape for node in convolutions}
    found = {node.name: _least(node, shapes[node.name]) for node in convolutions}
    found |= dict(rows or {})
    fixed = {**_maps(graph), **_of_linear(graph)}
    least = plan([*fixed.values(), *_scratch(graph, found)]).size_bytes
    for node in convolutions if rows is None else []:
        most = _most(node, shapes[node.name])
        for blocks in range(1, -(-most // found[node.name])):
            wider = found | {node.name: -(-most // blocks)}
            if plan([*fixed.values(), *_scratch(graph, wider)]).size_bytes <= least:
                found = wider
                break
    return Memory(plan([*fixed.values(), *_scratch(graph, found)]), found)


def is_depthwise(node: Node, channels: int) -> bool:
    """Whether a convolution of so many channels makes each output of one input channel."""
    return node.groups == channels == node.shape[0] and node.groups > 1


def scratch_name(node: Node) -> str:
    """What the plan calls a layer's scratch memory."""
    return f"scratch of {node.name}"


def _maps(graph: Graph) -> dict[str, Block]:
    """Maps live from the layer that makes them to the last that reads them."""
    nodes = graph.nodes
    last_use = {source: at for at, node in enumerate(nodes) for source in node.inputs}
    raw = graph.output.activation is None and graph.output.op != "max_pool"
    blocks = {}
    for at, node in enumerate(nodes):
        size = math.prod(node.shape) * (BYTES_PER_LOGIT if raw and node is nodes[-1] else 1)
        blocks[node.name] = Block(node.name, size, at, last_use.get(node.name, at))
    if not raw:
        size = BYTES_PER_LOGIT * math.prod(nodes[-1].shape)
        blocks[LOGITS] = Block(LOGITS, size, len(nodes) - 1, len(nodes) - 1)
    return blocks


def _of_linear(graph: Graph) -> dict[str, Block]:
    """Linear layers gather their inputs, and decode a row of weights."""
    blocks = {}
    for at, node in enumerate(graph.nodes):
        if node.op == "linear":
            inputs, name = graph.weight_shape(node)[1], scratch_name(node)
            blocks[name] = Block(name, 2 * 2 * 4 * -(-inputs // 4), at, at)
    return blocks


def _scratch(graph: Graph, rows: Mapping[str, int]) -> list[Block]:
    """The convolutions' blocks with so many rows at a time."""
    blocks = []
    for at, node in enumerate(graph.nodes):
        if node.op == "conv":
            size = _bytes(node, graph.node(node.inputs[0]).shape, rows[node.name])
            blocks.append(Block(scratch_name(node), size, at, at))
    return blocks


def _bytes(node: Node, shape: Shape, rows: int) -> int:
    """Scratch bytes of a convolution, as its kernel parts them."""
    kernel = node.kernel
    if is_depthwise(node, shape[0]):
        even = -(-kernel // 2) * 2
        pitch = -(-node.shape[2] * node.stride // 4) * 4 + even
        weights = kernel * even + 4 * -(-(kernel**2) // 4)  # in rows, and as they are decoded
        return 2 * (PLANES * ((rows - 1) * node.stride + kernel) * pitch + weights)
    words = -(-(kernel**2) * (shape[0] // node.groups) // 4)
    copied = kernel > 1 or node.groups > 1 or shape[0] % 4
    gathered, row, window = 2 * 4 * PIXELS * words, 16 + 8 * words, 4 * words + 4
    return gathered + rows * row + (PIXELS * window if copied else 0)


def _most(node: Node, shape: Shape) -> int:
    """All rows there are."""
    return node.shape[1] if is_depthwise(node, shape[0]) else node.shape[0] // node.groups


def _least(node: Node, shape: Shape) -> int:
    """So many rows at a time that the work for each block is worth it."""
    most = _most(node, shape)
    if is_depthwise(node, shape[0]):
        fitting = [rows for rows in range(1, most + 1) if _bytes(node, shape, rows) <= STRIP_BYTES]
        return max(fitting, default=1)
    row = _bytes(node, shape, 1) - _bytes(node, shape, 0)
    return min(most, max(FEWEST, min(USUAL, SHORT_BYTES // row)))
