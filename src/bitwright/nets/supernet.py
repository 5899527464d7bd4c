"""One set of weights for every network of a space (arXiv 1908.09791, 2003.11142).

Each layer that some network of the space has is held once, as large as any of them wants it: a
narrower layer takes the first channels, a smaller kernel the middle of the larger one. Kinds of
unit have layers of their own, as have layers that read another unit's map, and each method at a
layer has a quantizer of its own.

A network that is trained inside is a `QuantNet` like any other whose tensors are views of the
shared ones: what trains, folds and rounds is the very code that trains a network alone.
"""

import dataclasses
import math
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from bitwright.graph import Graph, Node, Shape
from bitwright.nets.build import QuantNet
from bitwright.nets.layers import (
    NodeLayer,
    WeightLayer,
    initial_bias,
    initial_weight,
    layer_for,
    weight_quantizer,
)
from bitwright.nets.shared import SharedTensors
from bitwright.quant.transforms import Quantizer
from bitwright.records import Blueprint
from bitwright.space.joint import JointSpace, expand
from bitwright.space.reach import graph_of, reachable_units

CACHED = 4096  # layers that are kept for the next network which has the same


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """A layer of a network; `key` names what it shares with layers of other networks."""

    key: str
    node: Node
    weight_shape: Shape
    source_shapes: tuple[Shape, ...]

    def quantizer_key(self, role: str) -> str:
        """Names the state that quantizers at this place share: one for each method."""
        node = self.node
        if role == "quantize_weight":
            return f"{self.key}.{role}[{node.weight}]"
        method = node.activation
        rows = node.shape[0] if method is not None and method.per_channel else ""
        return f"{self.key}.{role}[{method} {'signed' if node.signed else ''}{rows}]"


_Learning = tuple[str, nn.Parameter, Tensor]  # shared name, a layer's own view, its gradient


class SuperNet:
    """The shared weights of a space's networks, on one device. One thread uses it."""

    def __init__(
        self, space: JointSpace, *, input_step: float, input_zero: int, device: torch.device
    ) -> None:
        self.shared = SharedTensors(device)
        self._input_step, self._input_zero = input_step, input_zero
        self._fitted: dict[str, dict[str, Any]] = {}  # quantizers' extra state
        self._waiting: list[tuple[str, Quantizer]] = []  # handed out, not known to be fitted
        self._layers: dict[_Place, NodeLayer] = {}
        self._gradients: WeakKeyDictionary[nn.Module, list[_Learning]] = WeakKeyDictionary()
        largest: dict[str, tuple[Node, Shape]] = {}
        for place in _all_places(space):
            _, known = largest.get(place.key, (place.node, place.weight_shape))
            largest[place.key] = place.node, tuple(map(max, place.weight_shape, known))
        for key, (node, shape) in largest.items():
            if shape:
                self._make_weights(key, node, shape)

    def _make_weights(self, key: str, node: Node, shape: Shape) -> None:
        rows = shape[0]
        self.shared.add(f"{key}.weight", initial_weight(node, shape), learns=True)
        self.shared.add(f"{key}.bias", initial_bias(node, rows), learns=True)
        if node.batch_norm:
            self.shared.add(f"{key}.gain", torch.ones(rows), learns=True)
            self.shared.add(f"{key}.mean", torch.zeros(rows), learns=False)
            self.shared.add(f"{key}.variance", torch.ones(rows), learns=False)

    def layers_of(self, blueprint: Blueprint) -> dict[str, str]:
        """The network's layers with weights, by name: what names the weights that they share."""
        places = _places(blueprint, expand(blueprint))
        return {name: place.key for name, place in places.items() if place.weight_shape}

    def take(
        self, blueprint: Blueprint, state: Mapping[str, Any], known: Container[str]
    ) -> frozenset[str]:
        """Overwrites the network's part of the shared tensors with the state of one trained apart.

        Returns what names the quantizers that it has.
        Steps of methods that are not among the `known` ones are fitted to whole kernels first: the
        channels beyond this network's have them too.
        """
        net = self.network(blueprint)
        for place in _places(blueprint, net.graph).values():
            key = place.quantizer_key("quantize_weight")
            if key in self._fitted and key not in known:
                quantizer = self._fitted_weight_quantizer(place)
                self._fitted[key] = quantizer.get_extra_state()
                with torch.no_grad():
                    for name, own in _tensors(quantizer):
                        self.shared[f"{key}.{name}"].copy_(own)
        with torch.no_grad():
            net.load_state_dict(state)
        return frozenset(key for key, _ in _quantizers_of(blueprint, net))

    def network(self, blueprint: Blueprint) -> QuantNet:
        """The blueprint's network on the shared tensors: what it learns, all learn."""
        return self._inside(blueprint, expand(blueprint))

    def cut(self, blueprint: Blueprint, known: Container[str] | None = None) -> QuantNet:
        """The blueprint's network with tensors of its own.

        Where quantizers are `known` by what `take` returned, others fit themselves anew, to what
        this network holds.
        """
        graph = expand(blueprint)
        net = self._assembled(graph, layer_for)
        net.load_state_dict(self._inside(blueprint, graph).state_dict())
        if known is not None:
            for key, quantizer in _quantizers_of(blueprint, net):
                quantizer.fitted = quantizer.fitted and key in known
        return net.to(self.shared.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _inside(self, blueprint: Blueprint, graph: Graph) -> QuantNet:
        self._harvest()
        places = _places(blueprint, graph)

        def make(node: Node, graph: Graph) -> NodeLayer:
            return self._layer(places[node.name], graph)

        return self._assembled(graph, make).to(self.shared.device)

    def _assembled(self, graph: Graph, make: Callable[[Node, Graph], NodeLayer]) -> QuantNet:
        step, zero = self._input_step, self._input_zero
        return QuantNet(graph, input_step=step, input_zero=zero, make=make)

    def collect(self, net: QuantNet) -> frozenset[str]:
        """Adds a network's gradients to those of the shared tensors, whose names it returns."""
        names, own, wholes = [], [], []
        for layer in net.layers.values():
            for name, parameter, whole in self._gradients.get(layer, ()):
                if parameter.grad is not None:
                    names.append(name)
                    own.append(parameter.grad)
                    wholes.append(whole)
                    parameter.grad = None
        torch._foreach_add_(wholes, own)
        return frozenset(names)

    def state(self) -> dict[str, Any]:
        """All that was learned; the tensors in it are the supernet's own."""
        self._harvest()
        return {"tensors": self.shared.state(), "fitted": self._fitted}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes on what `state` gave, of a supernet of the same space."""
        self.shared.restore(state["tensors"])
        self._fitted = dict(state["fitted"])

    def _harvest(self) -> None:
        """Notes which quantizers have been fitted since."""
        for key, quantizer in self._waiting:
            if quantizer.fitted:
                self._fitted.setdefault(key, quantizer.get_extra_state())
        self._waiting = [(key, one) for key, one in self._waiting if not one.fitted]

    def _layer(self, place: _Place, graph: Graph) -> NodeLayer:
        layer = self._layers.pop(place, None)
        if layer is None:
            layer = layer_for(place.node, graph).to(self.shared.device)
            self._share(layer, place)
        self._layers[place] = layer  # as the last one used
        if len(self._layers) > CACHED:
            self._layers.pop(next(iter(self._layers)))
        for role, quantizer in _quantizers(layer):
            key = place.quantizer_key(role)
            if key in self._fitted:
                quantizer.set_extra_state(self._fitted[key])
            else:
                self._waiting.append((key, quantizer))
        return layer

    def _share(self, layer: NodeLayer, place: _Place) -> None:
        """Puts views of the shared tensors in the place of the layer's own."""
        if isinstance(layer, WeightLayer) and isinstance(layer.quantize_weight, Quantizer):
            self._make_weight_quantizer(place)
        for path, module in layer.named_modules():
            for name, own in _tensors(module):
                shared = _shared_name(place, f"{path}.{name}" if path else name)
                if shared not in self.shared:
                    self.shared.add(shared, own, learns=isinstance(own, nn.Parameter))
                part = self.shared.part(shared, own.shape)
                if isinstance(part, nn.Parameter):
                    module.register_parameter(name, part)
                    gradient = self.shared.gradient(shared, own.shape)
                    self._gradients.setdefault(layer, []).append((shared, part, gradient))
                else:
                    module.register_buffer(name, part)

    def _make_weight_quantizer(self, place: _Place) -> None:
        """Fits the method to the whole kernel, once: a part of it would not show all channels."""
        key = place.quantizer_key("quantize_weight")
        if key in self._fitted:
            return
        quantizer = self._fitted_weight_quantizer(place)
        for name, own in _tensors(quantizer):
            self.shared.add(f"{key}.{name}", own, learns=isinstance(own, nn.Parameter))
        self._fitted[key] = quantizer.get_extra_state()

    def _fitted_weight_quantizer(self, place: _Place) -> Quantizer:
        """Of the place's method, its steps fitted to the whole kernel as it is."""
        assert place.node.weight is not None  # of a layer with weights
        whole = self.shared[f"{place.key}.weight"].detach()
        quantizer = weight_quantizer(place.node.weight, len(whole)).to(whole.device)
        assert isinstance(quantizer, Quantizer)
        with torch.no_grad():
            quantizer(whole)
        return quantizer


def _shared_name(place: _Place, name: str) -> str:
    """The shared tensor behind a layer's own."""
    role, _, rest = name.partition(".")
    return f"{place.quantizer_key(role)}.{rest}" if rest else f"{place.key}.{name}"


def _quantizers(layer: NodeLayer) -> Iterator[tuple[str, Quantizer]]:
    for role, module in layer.named_children():
        if isinstance(module, Quantizer):
            yield role, module


def _quantizers_of(blueprint: Blueprint, net: QuantNet) -> Iterator[tuple[str, Quantizer]]:
    """The blueprint's network's quantizers, each after what names the state that it shares."""
    for name, place in _places(blueprint, net.graph).items():
        for role, quantizer in _quantizers(net.layer(name)):
            yield place.quantizer_key(role), quantizer


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters and buffers of the module itself that belong to its state."""
    state = module.state_dict(keep_vars=True)
    for name, tensor in state.items():
        if isinstance(tensor, Tensor) and "." not in name:
            yield name, tensor


def _places(blueprint: Blueprint, graph: Graph) -> dict[str, _Place]:
    """The layers of a network, whose graph is given, by their nodes' names."""
    kinds = {unit.path: unit.kind for unit in blueprint.units}
    return {
        node.name: _place(node, graph, kinds[node.unit], graph.input.unit)
        for node in graph.nodes[1:]
    }


def _all_places(space: JointSpace) -> Iterator[_Place]:
    """Every layer that can come up, its quantizers left aside."""
    for spec, before in reachable_units(space):
        graph = graph_of(spec, before.shape)
        for node in graph.nodes[1:]:
            yield _place(node, graph, spec.kind, before.maker)


def _place(node: Node, graph: Graph, kind: str, before: str) -> _Place:
    """`before` is the unit that made the channels of the graph's input."""
    sources = tuple(graph.node(name).shape for name in node.inputs)
    key = f"{kind}:{node.name}"
    maker = graph.maker(graph.node(node.inputs[0]))
    unit = before if maker == graph.input else maker.unit
    if unit != node.unit:  # channels of one unit mean other things than those of another
        key += f" after {unit}"
    if node.op == "linear":  # a kernel for maps of one size says nothing of another
        key += f"@{math.prod(sources[0][1:])}"
    return _Place(key, node, graph.weight_shape(node), sources)
