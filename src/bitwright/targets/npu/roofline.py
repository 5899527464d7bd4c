"""Cycles and energy of a network on an accelerator, from its graph alone: the roofline model.

A layer takes as long as the slower of two things that go on side by side, computing and moving
bytes between the memories (Williams et al., doi 10.1145/1498765.1498785). Layers follow each
other; within one, transfers hide behind computing, as double buffers let them:

    cycles = max(MACs / (MACs per cycle x utilization), off-chip bytes / bytes per cycle)

- Operands are multiplied at the fastest pair of widths that holds both, and lie in memory, packed,
  at the narrowest width that holds them. Codes of uneven levels have 8 bits.
- The utilization of a depthwise convolution is the accelerator's; of other layers it is the part of
  the array that they fill where its sides are given, else 1. Pooling, sums and products run on the
  vector unit, an operation for each value that is read or, in a sum of two maps or a product,
  written.
- Where all weights and the most activations alive at once fit into the on-chip memory, weights
  stay there for good. Else each layer's are read from off-chip memory for every image.
- Activations stay on chip, except those that a layer reads or writes while more are alive than fit:
  they are written to off-chip memory and read from there. The image comes from there and the
  logits go there in any case.
- Energy is that of every MAC, vector operation and byte moved. On chip, a layer reads its weights
  and inputs once and writes its output once: what is used again is held in the array, whose own
  registers are counted with its MACs.

Left out: filling the pipeline, leakage, and what stands beside the accelerator.
"""

import dataclasses
import math
from typing import Literal

from bitwright.errors import TargetError
from bitwright.graph import Graph, Node
from bitwright.measure.cost import activation_method, macs, multiplied_bits
from bitwright.quant.spec import Role
from bitwright.targets.npu.accelerator import Accelerator, Pair, listed

Bound = Literal["compute", "weights", "activations"]
CONSTANT_BYTES = 12  # an output channel's bias, multiplier and shift, 4 bytes each
LOGIT_BITS = 32
PJ_PER_UJ = 1e6


@dataclasses.dataclass(frozen=True, slots=True)
class LayerRun:
    """What one layer takes for one image.

    `pair` is None where the vector unit runs it. `weight_bytes` and `activation_bytes` pass between
    the memories. `bound` is what takes the longest: computing, or the larger of the two transfers.
    """

    name: str
    unit: str
    pair: Pair | None
    cycles: int
    bound: Bound
    weight_bytes: int
    activation_bytes: int
    energy_pj: float


@dataclasses.dataclass(frozen=True, slots=True)
class NetworkRun:
    """What a network takes for one image, layer by layer.

    `resident` says whether its weights stay on chip.
    """

    layers: tuple[LayerRun, ...]
    resident: bool

    @property
    def cycles(self) -> int:
        """Those of all layers, one after the other."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def energy_uj(self) -> float:
        """Microjoules."""
        return sum(layer.energy_pj for layer in self.layers) / PJ_PER_UJ


def run(graph: Graph, accelerator: Accelerator) -> NetworkRun:
    """What the network takes; TargetError where the accelerator cannot run it."""
    return _Roofline(graph, accelerator).network()


class _Roofline:
    """One network on one accelerator."""

    def __init__(self, graph: Graph, accelerator: Accelerator) -> None:
        self._graph, self._on = graph, accelerator
        self._layers = graph.nodes[1:]
        self._size = {node.name: self._activation_bytes(node) for node in graph.nodes}
        alive = self._alive()
        room = accelerator.on_chip.bytes
        weights = sum(self._weight_bytes(node) for node in self._layers)
        self._resident = weights + max(alive.values()) <= room
        self._off_chip = {graph.input.name, graph.output.name}
        for node in self._layers:
            if alive[node.name] > room:
                self._off_chip |= {node.name, *node.inputs}

    def network(self) -> NetworkRun:
        return NetworkRun(tuple(map(self._layer, self._layers)), self._resident)

    def _layer(self, node: Node) -> LayerRun:
        on = self._on
        lacking = on.lacks(node)
        if lacking:
            raise TargetError(
                f"layer '{node.name}': accelerator '{on.name}' does not run '{lacking}'; it runs "
                f"{', '.join(on.layers)}"
            )
        pair = None if node.weight is None else self._pair(node)
        compute, energy = self._computing(node, pair)
        weights = self._weight_bytes(node)
        streamed = 0 if self._resident else weights
        touched = (*node.inputs, node.name)
        moved = sum(self._size[name] for name in touched if name in self._off_chip)
        transfer = (streamed + moved) / on.off_chip.bytes_per_cycle
        local = weights + sum(self._size[name] for name in touched)
        energy += on.on_chip.byte_pj * local + on.off_chip.byte_pj * (streamed + moved)
        slower: Bound = "weights" if streamed > moved else "activations"
        return LayerRun(
            node.name,
            node.unit,
            pair,
            math.ceil(max(compute, transfer)),
            "compute" if compute >= transfer else slower,
            streamed,
            moved,
            energy,
        )

    def _computing(self, node: Node, pair: Pair | None) -> tuple[float, float]:
        """Cycles of the array or the vector unit, and their picojoules."""
        if pair is None:
            count, unit = self._vector_ops(node), self._on.vector
            return count / unit.ops_per_cycle, count * unit.op_pj
        count = macs(self._graph, node)
        return count / (pair.macs_per_cycle * self._utilization(node)), count * pair.mac_pj

    def _utilization(self, node: Node) -> float:
        """The part of the array that a layer with weights keeps at work."""
        if node.groups > 1:
            return self._on.depthwise_utilization
        if self._on.array is None:
            return 1.0
        outputs, *inputs = self._graph.weight_shape(node)
        return self._on.array.used(math.prod(inputs), outputs)

    def _vector_ops(self, node: Node) -> int:
        if node.op in ("add", "multiply"):
            return math.prod(node.shape)
        if node.op == "global_average_pool":
            return math.prod(self._graph.node(node.inputs[0]).shape)
        return math.prod(node.shape) * node.kernel**2

    def _pair(self, node: Node) -> Pair:
        weights = self._bits(node, "weight")
        activations = self._bits(self._graph.node(node.inputs[0]), "activation")
        found = self._on.pair_for(weights, activations)
        if found is None:
            raise TargetError(
                f"layer '{node.name}': accelerator '{self._on.name}' does not multiply weights of "
                f"{weights} bits with activations of {activations}; it has the pairs "
                f"{listed(self._on.pairs)}"
            )
        return found

    def _bits(self, node: Node, role: Role) -> int:
        """The width of a layer's weights, or of the activations that it hands on."""
        if role == "activation":
            return multiplied_bits(activation_method(self._graph, node))
        assert node.weight is not None  # it is asked of layers with weights only
        return multiplied_bits(node.weight)

    def _weight_bytes(self, node: Node) -> int:
        shape = self._graph.weight_shape(node)
        if not shape:
            return 0
        bits = self._on.stored(self._bits(node, "weight"), "weight")
        return -(-math.prod(shape) * bits // 8) + CONSTANT_BYTES * shape[0]

    def _activation_bytes(self, node: Node) -> int:
        raw = node is self._graph.output and node.activation is None
        bits = LOGIT_BITS if raw else self._on.stored(self._bits(node, "activation"), "activation")
        return -(-math.prod(node.shape) * bits // 8)

    def _alive(self) -> dict[str, int]:
        """The bytes of activations that are alive while each layer runs, its output among them."""
        nodes = self._graph.nodes
        last_use = {source: at for at, node in enumerate(nodes) for source in node.inputs}
        ends = {node.name: last_use.get(node.name, len(nodes)) for node in nodes}
        return {
            node.name: sum(
                self._size[other.name] for other in nodes[: at + 1] if ends[other.name] >= at
            )
            for at, node in enumerate(nodes)
        }
