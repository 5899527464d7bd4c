"""A graph as a torch network that trains under its policy."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from bitwright.export.integer import Grid, IntegerModel, Layer
from bitwright.graph import Graph, Node
from bitwright.nets.layers import MOMENTUM, ConvNorm, NodeLayer, WeightLayer, layer_for


class QuantNet(nn.Module):
    """The network of a graph. `forward` takes uint8 or float codes (N, C, H, W) and gives logits.

    The input's grid is the data's own: real value = (code - input_zero) * input_step. `make` gives
    the layer of a node, by default a fresh one.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        input_step: float,
        input_zero: int,
        make: Callable[[Node, Graph], NodeLayer] = layer_for,
    ) -> None:
        super().__init__()
        self.graph = graph
        self.input_zero = input_zero
        self.input_step: Tensor
        self.register_buffer("input_step", torch.tensor(input_step))
        self.layers = nn.ModuleDict({node.name: make(node, graph) for node in graph.nodes[1:]})
        self._source = self._grid_sources()
        self._last_use = {name: node.name for node in graph.nodes for name in node.inputs}
        (self._before_last,) = graph.output.inputs  # only a fully connected layer gives logits

    def _grid_sources(self) -> dict[str, str]:
        """For each node, the node whose quantizer its output's grid comes from."""
        source: dict[str, str] = {}
        for node in self.graph.nodes:
            passes = node.op == "max_pool"
            source[node.name] = source[node.inputs[0]] if passes else node.name
        return source

    def layer(self, name: str) -> NodeLayer:
        """The module of a node."""
        found = self.layers[name]
        assert isinstance(found, NodeLayer)
        return found

    def _step(self, name: str) -> Tensor | None:
        """The one step of a node's output as it stands; None without one for the whole tensor."""
        name = self._source[name]
        if name == "input":
            return self.input_step
        quantizer = self.layer(name).output
        step_now = getattr(quantizer, "step_now", None)
        step = None if step_now is None else step_now().detach()
        return None if step is None or step.ndim else step

    def forward(self, codes: Tensor) -> Tensor:
        """Logits (N, classes) of images given as codes 0 to 255."""
        return self.classify(self.features(codes))

    def features(self, codes: Tensor) -> Tensor:
        """What the last layer sees of images given as codes: (N, C), or a map (N, C, H, W)."""
        value = (codes.float() - self.input_zero) * self.input_step
        # Not contiguous(): it leaves maps of one channel as they lie, and so all that follow.
        last = torch.empty_like(value, memory_format=torch.channels_last)
        values = {"input": last.copy_(value)}
        for node in self.graph.nodes[1:-1]:
            values[node.name] = self._output_of(node, [values[name] for name in node.inputs])
            for name in node.inputs:
                if self._last_use[name] == node.name:
                    values.pop(name, None)
        return values[self._before_last]

    def classify(self, features: Tensor) -> Tensor:
        """Logits (N, classes) of what `features` gave."""
        return self._output_of(self.graph.output, [features]).float()

    def _output_of(self, node: Node, inputs: list[Tensor]) -> Tensor:
        layer = self.layers[node.name]
        if isinstance(layer, WeightLayer) and self._rounds_bias(layer):
            return layer(*inputs, self._step(node.inputs[0]))  # type: ignore[no-any-return]
        return layer(*inputs)  # type: ignore[no-any-return]

    def _rounds_bias(self, layer: WeightLayer) -> bool:
        return not self.training or (isinstance(layer, ConvNorm) and layer.frozen)

    def loosen(self) -> None:
        """Takes all quantizers out of use: the network trains in full precision."""
        for layer in self.layers.values():
            assert isinstance(layer, NodeLayer)
            layer.loosen()

    def tighten(self) -> None:
        """Puts them back; one that is new fits its step to the next tensor that it sees."""
        for layer in self.layers.values():
            assert isinstance(layer, NodeLayer)
            layer.tighten()

    def freeze_norms(self) -> None:
        """From here on training uses the running statistics, as inference does."""
        for layer in self.layers.values():
            if isinstance(layer, ConvNorm):
                layer.frozen = True

    @torch.no_grad()
    def measure_norms(self, inputs: Iterable[Tensor]) -> None:
        """Makes the running statistics the mean of those of some batches of inputs."""
        training = self.training
        self.train()
        norms = [layer for layer in self.layers.values() if isinstance(layer, ConvNorm)]
        for number, codes in enumerate(inputs, start=1):
            for layer in norms:
                layer.momentum = 1 / number
            self(codes)
        for layer in norms:
            layer.momentum = MOMENTUM
        self.train(training)

    @torch.no_grad()
    def to_integer(self) -> IntegerModel:
        """The network in integers, as it stands: the form every exporter starts from."""
        input_grid = Grid(
            self.input_step.cpu().numpy(), torch.tensor(self.input_zero).int().numpy(), 8, 0, 255
        )
        training = self.training
        self.eval()
        layers = {"input": Layer(self.graph.input, input_grid)}
        for node in self.graph.nodes[1:]:
            grids = [layers[name].output for name in node.inputs]
            layers[node.name] = self.layer(node.name).to_integer(
                *(g for g in grids if g is not None)
            )
        self.train(training)
        return IntegerModel(self.graph, tuple(layers.values()))
