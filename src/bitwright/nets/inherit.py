"""Weights of one network for another of the same space (after Net2Net, arXiv 1511.05641).

Layers are matched by name. Where widths differ, channels are chosen once for every group of layers
that must agree on them (a residual sum, a depthwise convolution and its input): the strongest stay
where a network is narrower; where it is wider they are doubled, and what reads them is divided by
as many. Quantizers keep their steps where the method is the same and fit anew where it is not.
"""

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional

from bitwright.graph import Graph, Node
from bitwright.nets.build import QuantNet
from bitwright.nets.layers import ConvNorm, WeightLayer
from bitwright.quant.transforms import Quantizer

STIR = 0.05  # of fresh weights on top of doubled channels, which would stay equal without
MIXING = ("conv", "linear")  # layers that make new channels, unless they are depthwise
ROWS = ("bias", "gain", "mean", "variance")  # one number an output channel


@torch.no_grad()
def inherit(child: QuantNet, parent: QuantNet) -> frozenset[str]:
    """Overwrites what of the child has a counterpart; returns the names of layers with its weights.

    Both stand on one device. The child was built afresh: what it does not inherit stays so.
    """
    return _Transfer(child, parent).carry_out()


@dataclasses.dataclass(frozen=True, slots=True)
class _Picks:
    """For each channel of the child: the parent's, and the part of it that the child's stands for.

    `of` is the group of the parent's channels, `stirred` marks channels that are there twice.
    """

    of: str
    index: Tensor
    part: Tensor

    @property
    def stirred(self) -> Tensor:
        return self.part < 1


class _Channels:
    """The groups of a graph's nodes whose channels are the same ones."""

    def __init__(self, graph: Graph) -> None:
        self._leader = {node.name: node.name for node in graph.nodes}
        self.makers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            if not _makes_channels(node):
                for source in node.inputs:
                    self._join(node.name, source)
        for node in graph.nodes:
            if _makes_channels(node):
                self.makers.setdefault(self.group(node.name), []).append(node)

    def group(self, name: str) -> str:
        """The group's first node."""
        while self._leader[name] != name:
            name = self._leader[name]
        return name

    def _join(self, a: str, b: str) -> None:
        self._leader[self.group(a)] = self.group(b)


def _makes_channels(node: Node) -> bool:
    return node.op == "input" or (node.op in MIXING and node.groups == 1)


class _Transfer:
    """One inheritance."""

    def __init__(self, child: QuantNet, parent: QuantNet) -> None:
        self.child, self.parent = child, parent
        self.device = child.input_step.device
        self.old = _Channels(parent.graph)
        self.new = _Channels(child.graph)
        self.old_nodes = {node.name: node for node in parent.graph.nodes}
        self.picks: dict[str, _Picks] = {}
        for group, makers in self.new.makers.items():
            known = [node for node in makers if self._counterpart(node) is not None]
            if known:
                self.picks[group] = self._chosen(known[0])

    def carry_out(self) -> frozenset[str]:
        taken = set()
        for node in self.child.graph.nodes[1:]:
            layer, old = self.child.layer(node.name), self._counterpart(node)
            if old is None:
                continue
            rows = self._at(node, old)
            if isinstance(layer, WeightLayer):
                if not self._carry_weights(layer, node, old, rows):
                    continue
                taken.add(node.name)
            self._carry_quantizer(layer.output, self.parent.layer(node.name).output, rows)
        return frozenset(taken)

    def _counterpart(self, node: Node) -> Node | None:
        """The parent's node of that name, where it is the same kind of layer."""
        old = self.old_nodes.get(node.name)
        if old is None or old.op != node.op or _makes_channels(old) != _makes_channels(node):
            return None
        return old

    def _chosen(self, node: Node) -> _Picks:
        """The channels for the group of that node, which both networks have."""
        group = self.old.group(node.name)
        strength = sum(self._strength(maker) for maker in self.old.makers[group])
        assert isinstance(strength, Tensor)
        return _pick(group, strength, node.shape[0])

    def _strength(self, maker: Node) -> Tensor:
        """How much each channel that a layer of the parent makes weighs, folded."""
        if maker.op == "input":
            return torch.ones(maker.shape[0], device=self.device)
        layer = self.parent.layer(maker.name)
        assert isinstance(layer, WeightLayer)
        strength = layer.weight.abs().flatten(1).mean(1)
        return strength * layer.fold_factor() if isinstance(layer, ConvNorm) else strength

    def _at(self, node: Node, old: Node) -> _Picks:
        """The channels of a node's output; in order where its group has others, or none."""
        group = self.old.group(old.name)
        found = self.picks.get(self.new.group(node.name))
        if found is not None and found.of == group:
            return found
        return _pick(group, torch.zeros(old.shape[0], device=self.device), node.shape[0])

    def _carry_weights(self, layer: WeightLayer, node: Node, old: Node, rows: _Picks) -> bool:
        """False where the parent's kernel means other places of the map."""
        source = self.parent.layer(old.name)
        assert isinstance(source, WeightLayer)
        weight = source.weight[rows.index]
        if _makes_channels(node):
            columns = self._columns(node, old)
            if columns is None:
                return False
            at, part = columns
            weight = weight[:, at] * part.view(1, -1, *(1,) * (weight.ndim - 2))
        if node.op == "conv":
            weight = _resized(weight, node.kernel)
        fresh = layer.weight[rows.stirred]
        layer.weight.copy_(weight)
        layer.weight[rows.stirred] += STIR * fresh
        for name in ROWS:
            if hasattr(layer, name) and hasattr(source, name):
                getattr(layer, name).copy_(getattr(source, name)[rows.index])
        self._carry_quantizer(layer.quantize_weight, source.quantize_weight, rows)
        return True

    def _columns(self, node: Node, old: Node) -> tuple[Tensor, Tensor] | None:
        """Where a kernel's inputs lie in the parent's, and the part of each; None for nowhere."""
        before, old_before = (
            graph.node(of.inputs[0])
            for graph, of in ((self.child.graph, node), (self.parent.graph, old))
        )
        picks = self._at(before, old_before)
        places = before.shape[1:] if node.op == "linear" else ()
        if node.op == "linear" and places != old_before.shape[1:]:
            return None
        count = int(torch.Size(places).numel())
        steps = torch.arange(count, device=self.device)
        at = (picks.index[:, None] * count + steps).flatten()
        return at, picks.part.repeat_interleave(count)

    def _carry_quantizer(self, new: nn.Module, old: nn.Module, rows: _Picks) -> None:
        if not isinstance(new, Quantizer) or not isinstance(old, Quantizer):
            return
        if (new.place.method, new.place.signed) != (old.place.method, old.place.signed):
            return
        state = old.state_dict()
        for name, value in new.state_dict().items():
            if not isinstance(value, Tensor):
                continue
            if new.step_shape and state[name].shape[:1] == (old.place.channels,):
                state[name] = state[name][rows.index]
            if state[name].shape != value.shape:
                return  # it fits itself anew
        new.load_state_dict(state)


def _pick(group: str, strength: Tensor, wanted: int) -> _Picks:
    """The strongest channels in their order; where more are wanted, some of them twice."""
    count = len(strength)
    order = torch.argsort(strength, descending=True, stable=True)
    if wanted <= count:
        index = order[:wanted].sort().values
    else:
        more = order.repeat(-(-wanted // count) - 1)[: wanted - count]
        index = torch.cat([torch.arange(count, device=strength.device), more])
    part = 1 / torch.bincount(index, minlength=count)[index]
    return _Picks(group, index, part)


def _resized(weight: Tensor, kernel: int) -> Tensor:
    """A convolution's kernel with zeros around it, or without its rim."""
    return functional.pad(weight, [(kernel - weight.shape[-1]) // 2] * 4)
