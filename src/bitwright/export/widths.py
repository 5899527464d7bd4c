"""How many channels each layer has in the exported file: at times more than in the model.

ONNX Runtime's integer kernels take 16 output channels at a time; for fewer, and for depthwise
layers of any other number, it falls back to kernels of half the speed
(docs/decisions/0002-onnx-form.md). Channels are therefore filled up with ones whose weights are
zero and whose values nobody reads. They take no room in the file: weights are widened as it is
loaded.
"""

from bitwright.graph import Graph, Node

LANES = 16
IMAGE_LANES = 4  # input channels that the fast kernel takes at a time
KEEPS_CHANNELS = frozenset({"add", "multiply", "max_pool", "average_pool", "global_average_pool"})


def widths(graph: Graph) -> dict[str, int]:
    """The channels of each layer's output in the file, by name.

    Layers that must have equally many, since no weights lie between them, are widened together.
    """
    leader = {node.name: node.name for node in graph.nodes}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for node in graph.nodes:
        if keeps_channels(node):
            for source in node.inputs:
                leader[lead(source)] = lead(node.name)
    wide: dict[str, int] = {}
    for group in {lead(name) for name in leader}:
        members = [node for node in graph.nodes if lead(node.name) == group]
        width = _width(graph, members)
        wide |= {node.name: width for node in members}
    if _reads_narrow_image(graph, wide):
        wide[graph.input.name] = IMAGE_LANES
    return wide


def keeps_channels(node: Node) -> bool:
    """Whether each output channel is made of the same one of every input."""
    return node.op in KEEPS_CHANNELS or node.groups > 1


def _width(graph: Graph, members: list[Node]) -> int:
    """The channels of layers that have equally many."""
    channels = members[0].shape[0]
    fixed = any(node in (graph.input, graph.output) for node in members)
    by_channel = any(node.groups > 1 or node.op == "average_pool" for node in members)
    narrow = channels < LANES and any(node.op == "conv" for node in members)
    if fixed or not (by_channel or narrow):
        return channels
    return -(-channels // LANES) * LANES


def _reads_narrow_image(graph: Graph, wide: dict[str, int]) -> bool:
    """Whether the image alone keeps the layers that read it from the fast kernel.

    From one channel to four, windows above 3x3 cost more than the fast kernel brings.
    """
    channels = graph.input.shape[0]
    readers = [node for node in graph.nodes if graph.input.name in node.inputs]
    fast = all(node.op == "conv" and wide[node.name] >= LANES for node in readers)
    small = channels == IMAGE_LANES - 1 or all(node.kernel <= 3 for node in readers)
    return fast and small and channels < IMAGE_LANES and not any(map(keeps_channels, readers))
