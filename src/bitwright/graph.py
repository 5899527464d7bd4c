"""A network as a list of layers with shapes and quantization methods: pure values, no tensors.

The space decodes a genome into a `Graph`; the torch network, the costs, the integer model and the
ONNX file are all made from it, so what is counted, trained and shipped cannot drift apart.
"""

import dataclasses
import math
from typing import Literal

from bitwright.errors import InvalidGenome
from bitwright.quant.spec import Method

Op = Literal[
    "input",
    "conv",
    "linear",
    "add",
    "multiply",
    "max_pool",
    "average_pool",
    "global_average_pool",
]
Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """One layer. Shapes leave the batch out: (C, H, W), or (C,) after global pooling.

    `activation` is the method of the layer's output; None means that codes pass unchanged (max
    pooling) or that the output is the network's logits. `signed` is False where a ReLU ends the
    layer: its output is not negative. `gate` marks an output on the fixed range 0 to 1 (the
    squeeze-excite gate, a hard sigmoid by saturation).
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    shape: Shape
    unit: str
    weight: Method | None = None
    activation: Method | None = None
    signed: bool = False
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    batch_norm: bool = False
    gate: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Graph:
    """Layers in the order they run; the first is the input, the last gives the logits."""

    nodes: tuple[Node, ...]

    @property
    def input(self) -> Node:
        """The input's node."""
        return self.nodes[0]

    @property
    def output(self) -> Node:
        """The node whose output is the network's."""
        return self.nodes[-1]

    def node(self, name: str) -> Node:
        """The node of that name; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def maker(self, node: Node) -> Node:
        """The layer that made the channels that a layer hands on: itself, unless it keeps them."""
        while node.op not in ("input", "linear") and (node.op != "conv" or node.groups > 1):
            node = self.node(node.inputs[0])
        return node

    def weight_shape(self, node: Node) -> Shape:
        """The shape of a layer's kernel: (out, in / groups, k, k), (out, in), or () without one."""
        if node.op == "conv":
            cin = self.node(node.inputs[0]).shape[0]
            return (node.shape[0], cin // node.groups, node.kernel, node.kernel)
        if node.op == "linear":
            return (node.shape[0], math.prod(self.node(node.inputs[0]).shape))
        return ()


class GraphBuilder:
    """Appends layers, working out each one's shape; a unit's `expand` is given one of these."""

    def __init__(self, input_shape: Shape, input_method: Method) -> None:
        self._nodes: dict[str, Node] = {}
        self.last = "input"
        self._add(
            Node("input", "input", (), input_shape, "input", activation=input_method, signed=True)
        )

    def _add(self, node: Node) -> str:
        if node.name in self._nodes:
            raise InvalidGenome(f"two layers are named '{node.name}'")
        self._nodes[node.name] = node
        self.last = node.name
        return node.name

    def shape(self, name: str) -> Shape:
        """The output shape of a layer already added."""
        return self._nodes[name].shape

    def signed(self, name: str) -> bool:
        """Whether a layer already added can give negative values."""
        return self._nodes[name].signed

    def conv(
        self,
        name: str,
        source: str,
        *,
        unit: str,
        width: int,
        kernel: int,
        stride: int = 1,
        depthwise: bool = False,
        relu: bool = True,
        weight: Method,
        activation: Method,
    ) -> str:
        """Convolution + batch norm (+ ReLU), padded so that stride 1 keeps the size."""
        if kernel % 2 == 0:
            raise InvalidGenome(f"'{name}': kernel {kernel} is even; same padding needs an odd one")
        channels, height, wide = self.shape(source)
        if depthwise and width != channels:
            raise InvalidGenome(
                f"'{name}': depthwise {channels} -> {width} channels; they must be equal"
            )
        shape = (width, math.ceil(height / stride), math.ceil(wide / stride))
        return self._add(
            Node(
                name,
                "conv",
                (source,),
                shape,
                unit,
                weight=weight,
                activation=activation,
                signed=not relu,
                kernel=kernel,
                stride=stride,
                groups=channels if depthwise else 1,
                batch_norm=True,
            )
        )

    def linear(
        self,
        name: str,
        source: str,
        *,
        unit: str,
        width: int,
        weight: Method,
        activation: Method | None,
        signed: bool = True,
        gate: bool = False,
    ) -> str:
        """A fully connected layer with bias. With `activation` None its outputs are the logits."""
        return self._add(
            Node(
                name,
                "linear",
                (source,),
                (width,),
                unit,
                weight=weight,
                activation=activation,
                signed=signed,
                gate=gate,
            )
        )

    def add(self, name: str, a: str, b: str, *, unit: str, activation: Method, relu: bool) -> str:
        """The sum of two layers of equal shape."""
        if self.shape(a) != self.shape(b):
            raise InvalidGenome(f"'{name}': cannot add {self.shape(a)} and {self.shape(b)}")
        node = Node(
            name, "add", (a, b), self.shape(a), unit, activation=activation, signed=not relu
        )
        return self._add(node)

    def multiply(self, name: str, source: str, gate: str, *, unit: str, activation: Method) -> str:
        """Each channel of `source` (C, H, W) scaled by `gate` (C,)."""
        return self._add(
            Node(
                name,
                "multiply",
                (source, gate),
                self.shape(source),
                unit,
                activation=activation,
                signed=self.signed(source),
            )
        )

    def pool(
        self, name: str, source: str, *, unit: str, mode: str, size: int, activation: Method
    ) -> str:
        """Pooling over size x size windows that do not overlap; a rest is left out."""
        channels, height, wide = self.shape(source)
        if min(height, wide) < size:
            raise InvalidGenome(f"'{name}': {size}x{size} pooling on a {height}x{wide} map")
        average = mode == "average"
        return self._add(
            Node(
                name,
                "average_pool" if average else "max_pool",
                (source,),
                (channels, height // size, wide // size),
                unit,
                activation=activation if average else None,
                signed=self.signed(source),
                kernel=size,
                stride=size,
            )
        )

    def global_average_pool(self, name: str, source: str, *, unit: str, activation: Method) -> str:
        """The mean over the map: (C, H, W) -> (C,)."""
        node = Node(
            name,
            "global_average_pool",
            (source,),
            self.shape(source)[:1],
            unit,
            activation=activation,
            signed=self.signed(source),
        )
        return self._add(node)

    def finish(self) -> Graph:
        """The graph as built so far."""
        return Graph(tuple(self._nodes.values()))
