"""The torch side of each graph node: trains under its quantizers, and states itself in integers.

A layer's output always lies on its quantizer's grid (M7.1). In evaluation mode a layer computes, in
real numbers, exactly what its integer form computes: batch norm folded, bias rounded to the
accumulator's grid.
"""

import abc
import dataclasses
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bitwright.errors import ExportError
from bitwright.export.integer import Grid, Layer
from bitwright.export.reference import rescales_of
from bitwright.graph import Graph, Node, Shape
from bitwright.quant.grids import gate_method
from bitwright.quant.norm import Norm, normalise
from bitwright.quant.spec import Method, Role
from bitwright.quant.transforms import Place, Quantizer, transform_of
from bitwright.quant.transforms.fixed import FullPrecision, GateQuantizer

EPSILON = 1e-5
MOMENTUM = 0.1
LARGEST_BIAS = 2.0**30  # accumulator steps: leaves the products as much room again
SMALLEST_GAIN = 1e-3  # batch norm's gain keeps its sign, so that a folded scale stays positive


class NodeLayer(nn.Module, abc.ABC):
    """A node as a module: ``forward(*inputs)``, then ``to_integer(*input grids)`` once trained."""

    def __init__(self, node: Node, window: int = 1) -> None:
        super().__init__()
        self.node = node
        self.output = output_quantizer(node, window)
        self._aside: dict[str, nn.Module] = {}  # quantizers that are out of use

    def loosen(self) -> None:
        """Takes the layer's quantizers out of use."""
        for name, module in list(self.named_children()):
            if isinstance(module, Quantizer):
                weight = module.place.role == "weight"
                self._aside[name] = module
                setattr(self, name, nn.Identity() if weight else full_precision(self.node))

    def tighten(self) -> None:
        """Puts them back into use."""
        for name, module in self._aside.items():
            setattr(self, name, module)
        self._aside.clear()

    def output_grid(self) -> Grid | None:
        """The grid of the layer's output; None for logits and where codes pass unchanged."""
        if isinstance(self.output, nn.Identity):
            return None
        if not isinstance(self.output, Quantizer):
            raise self._no_integer_form("its activation is in full precision")
        grid = self.output.grid()
        if grid.scale.ndim:
            raise self._no_integer_form("its activation has a scale per channel, sums need one")
        return grid

    def _no_integer_form(self, reason: str) -> ExportError:
        return ExportError(
            f"layer '{self.node.name}' has no integer form: {reason}; "
            "choose weights of 1 to 8 bits, and activations of 1 to 8 bits per tensor"
        )

    @abc.abstractmethod
    def to_integer(self, *grids: Grid) -> Layer:
        """The layer's numbers, given its inputs' grids."""


def output_quantizer(node: Node, window: int = 1) -> nn.Module:
    """The module that ends a node: its quantizer, or an identity for logits and max pooling.

    A mean is taken over `window` values.
    """
    if node.activation is None:
        return nn.Identity()
    if not node.activation.quantized:
        return full_precision(node)
    if node.gate:
        return GateQuantizer(
            Place(gate_method(node.activation), "activation", False, node.shape[0])
        )
    channels, *pixels = node.shape
    place = Place(node.activation, "activation", node.signed, channels, window, math.prod(pixels))
    return transform_of(node.activation).quantizer(place)


def full_precision(node: Node) -> nn.Module:
    """What ends a node whose output is not quantized."""
    return FullPrecision(signed=node.signed, gate=node.gate)


def weight_quantizer(method: Method, channels: int) -> nn.Module:
    """The quantizer of a kernel with `channels` outputs."""
    if not method.quantized:
        return nn.Identity()
    role: Role = "weight"
    return transform_of(method).quantizer(Place(method, role, signed=True, channels=channels))


def initial_weight(node: Node, shape: Shape) -> Tensor:
    """A fresh kernel of that shape (arXiv 1502.01852)."""
    weight = torch.empty(shape)
    nn.init.kaiming_normal_(weight, mode="fan_out" if node.op == "conv" else "fan_in")
    if node.groups > 1:  # fan_out of a depthwise kernel counts channels that it does not have
        nn.init.kaiming_normal_(weight, mode="fan_in")
    return weight


def initial_bias(node: Node, channels: int) -> Tensor:
    """A fresh bias: gates start half open."""
    return torch.full((channels,), 0.5 if node.gate else 0.0)


class WeightLayer(NodeLayer):
    """A convolution or a fully connected layer."""

    def __init__(self, node: Node, graph: Graph) -> None:
        super().__init__(node)
        assert node.weight is not None  # conv and linear nodes always have one
        shape = graph.weight_shape(node)
        self.weight = nn.Parameter(initial_weight(node, shape))
        self.quantize_weight = weight_quantizer(node.weight, shape[0])
        self.bias = nn.Parameter(initial_bias(node, shape[0]))

    def linear_map(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution or matrix product itself."""
        if self.node.op == "linear":
            return functional.linear(x.flatten(1), weight, bias)
        if x.device.type == "cpu" and _slow_in_bfloat16(self.node):
            with torch.autocast("cpu", enabled=False):
                bias = bias if bias is None else bias.float()
                return self._convolve(x.float(), weight.float(), bias)
        return self._convolve(x, weight, bias)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        node = self.node
        return functional.conv2d(
            x, weight, bias, node.stride, (node.kernel - 1) // 2, groups=node.groups
        )

    def folded(self) -> tuple[Tensor, Tensor]:
        """Kernel on its grid and real bias, everything that follows the sum folded in."""
        return self.quantize_weight(self.weight), self.bias

    def forward(self, x: Tensor, step: Tensor | None = None) -> Tensor:
        """The layer's output. `step` is the input's, for rounding the bias in evaluation mode."""
        weight, bias = self.folded()
        sums = self.linear_map(x, weight, self._on_grid(bias, step))
        if self.node.activation is None:  # logits: integers tie where rounded sums of floats do not
            return self._on_grid(sums, step)
        return self.output(sums)  # type: ignore[no-any-return]

    def _on_grid(self, x: Tensor, step: Tensor | None) -> Tensor:
        """`x` (..., out) as the integer model holds it: a whole number of accumulator steps."""
        if step is None or isinstance(self.quantize_weight, nn.Identity):
            return x
        unit = self.weight_step() * step
        return x + (torch.round(x / unit) * unit - x).detach()

    def weight_step(self) -> Tensor:
        """The folded kernel's step, () or (out,)."""
        step: Tensor = self.quantize_weight.step_now()  # type: ignore[operator]
        return step.flatten() if step.ndim else step

    def weight_grid(self) -> Grid:
        """The folded kernel's grid."""
        if not isinstance(self.quantize_weight, Quantizer):
            raise self._no_integer_form("its weights are in full precision")
        grid = self.quantize_weight.grid()
        return dataclasses.replace(grid, scale=self.weight_step().detach().cpu().numpy())

    @torch.no_grad()
    def to_integer(self, *grids: Grid) -> Layer:
        """Codes, bias and multipliers."""
        (source,) = grids
        weight, bias = self.folded()
        grid = _room_for_bias(self.weight_grid(), bias, source)
        spread = (-1,) + (1,) * (weight.ndim - 1) if grid.scale.ndim else ()
        scale, zero = grid.scale.reshape(spread), grid.zero_point.reshape(spread)
        ratio = weight.detach().cpu().double().numpy() / scale
        codes = grid.on_level((np.rint(ratio) + zero).astype(np.int32))
        unit = source.scale.astype(np.float64) * grid.scale.astype(np.float64)
        whole = np.rint(bias.detach().cpu().double().numpy() / unit)
        output = self.output_grid()
        return Layer(
            self.node,
            output,
            codes=codes.astype(np.int8),
            weights=grid,
            bias=whole.astype(np.int32),
            rescales=rescales_of(self.node, grids, output, weights=grid),
        )


def _slow_in_bfloat16(node: Node) -> bool:
    """Whether a CPU's backward pass through the convolution takes many times longer in bfloat16.

    It does for depthwise ones, save of 3x3 with stride 1, which are up to five times faster
    (benchmarks/results/precision.json).
    """
    return node.groups > 1 and (node.kernel, node.stride) != (3, 1)


def _room_for_bias(grid: Grid, bias: Tensor, source: Grid) -> Grid:
    """The weights' grid with a step that is at least what an int32 bias needs.

    A channel that died in training has a step near zero; next to its bias, coarser weights are
    exact.
    """
    reach = np.abs(bias.detach().cpu().double().numpy()) / (LARGEST_BIAS * source.scale)
    needed = reach if grid.scale.ndim else reach.max()
    return dataclasses.replace(grid, scale=np.maximum(grid.scale, needed).astype(np.float32))


class ConvNorm(WeightLayer):
    """Convolution, batch norm, quantizer; the norm folded into kernel and bias as it is exported.

    With one step per output channel, folding changes only the steps: the codes trained are the
    codes shipped. With one step per tensor, the kernel is quantized as folded by the running
    statistics and unfolded again, and the batch's own statistics normalise what comes out (after
    arXiv 1806.08342, 3.2.2). `frozen` trains on the running statistics, as inference does.
    """

    def __init__(self, node: Node, graph: Graph) -> None:
        super().__init__(node, graph)
        assert node.weight is not None
        self.per_channel = node.weight.per_channel or not node.weight.quantized
        channels = node.shape[0]
        self.gain = nn.Parameter(torch.ones(channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.frozen = False
        self.momentum = MOMENTUM  # of the running statistics

    def positive_gain(self) -> Tensor:
        """The norm's gain, kept above zero."""
        return self.gain.abs().clamp_min(SMALLEST_GAIN)

    def fold_factor(self) -> Tensor:
        """What folding multiplies each output channel's kernel by."""
        return self.positive_gain() / torch.sqrt(self.variance + EPSILON)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Kernel and bias with the running statistics folded in."""
        factor = self.fold_factor()
        spread = factor.view(-1, 1, 1, 1)
        if self.per_channel:
            weight = self.quantize_weight(self.weight) * spread
        else:
            weight = self.quantize_weight(self.weight * spread)
        return weight, self.bias - self.mean * factor

    def weight_step(self) -> Tensor:
        """The quantizer's step, with the fold where that is per channel."""
        step = super().weight_step()
        return step * self.fold_factor() if self.per_channel else step

    def forward(self, x: Tensor, step: Tensor | None = None) -> Tensor:
        """The layer's output; in training mode normalised by the batch's own statistics."""
        if self.frozen or not self.training:
            return super().forward(x, step)
        if self.per_channel:
            weight = self.quantize_weight(self.weight)
        else:  # quantized as it will be exported: folded
            spread = self.fold_factor().detach().view(-1, 1, 1, 1)
            weight = self.quantize_weight(self.weight * spread) / spread
        raw = self.linear_map(x, weight, None)
        statistics = self.mean, self.variance, self.momentum
        norm = Norm(self.positive_gain(), self.bias, *statistics, EPSILON)
        return normalise(raw, norm, self.output)


class Add(NodeLayer):
    """The sum of two maps, brought onto one grid."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum on the output's grid."""
        return self.output(a + b)  # type: ignore[no-any-return]

    def to_integer(self, *grids: Grid) -> Layer:
        """One multiplier an operand, to be added before rounding."""
        output = _given(self.output_grid())
        return Layer(self.node, output, rescales=rescales_of(self.node, grids, output))


class Multiply(NodeLayer):
    """A map scaled channel by channel."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Maps (N, C, H, W) times gates (N, C)."""
        return self.output(x * gate[:, :, None, None])  # type: ignore[no-any-return]

    def to_integer(self, *grids: Grid) -> Layer:
        """One multiplier for the product of the centred codes."""
        output = _given(self.output_grid())
        return Layer(self.node, output, rescales=rescales_of(self.node, grids, output))


class MaxPool(NodeLayer):
    """The largest of each window."""

    def forward(self, x: Tensor) -> Tensor:
        """Codes pass unchanged, so no quantizer."""
        return functional.max_pool2d(x, self.node.kernel, self.node.stride)

    def to_integer(self, *grids: Grid) -> Layer:
        """The input's own grid."""
        return Layer(self.node, grids[0])


class AveragePool(NodeLayer):
    """The mean of each window, or of the whole map: of `window` values."""

    def __init__(self, node: Node, window: int) -> None:
        super().__init__(node, window)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """The mean on the output's grid."""
        if self.node.op == "global_average_pool":
            return self.output(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]
        return self.output(functional.avg_pool2d(x, self.node.kernel, self.node.stride))  # type: ignore[no-any-return]

    def to_integer(self, *grids: Grid) -> Layer:
        """A multiplier for the sum over the window."""
        output = _given(self.output_grid())
        rescales = rescales_of(self.node, grids, output, window=self.window)
        return Layer(self.node, output, rescales=rescales)


def _given(grid: Grid | None) -> Grid:
    assert grid is not None  # only logits and max pooling have none
    return grid


def layer_for(node: Node, graph: Graph) -> NodeLayer:
    """The module of a node."""
    if node.op in ("conv", "linear"):
        return ConvNorm(node, graph) if node.batch_norm else WeightLayer(node, graph)
    if node.op in ("average_pool", "global_average_pool"):
        whole = node.op == "global_average_pool"
        height, width = graph.node(node.inputs[0]).shape[1:] if whole else (node.kernel,) * 2
        return AveragePool(node, height * width)
    simple: dict[str, type[NodeLayer]] = {"add": Add, "multiply": Multiply, "max_pool": MaxPool}
    return simple[node.op](node)
