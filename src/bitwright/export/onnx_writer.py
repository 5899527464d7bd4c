"""The operators of an integer model in ONNX, layer by layer.

The form (QDQ, docs/decisions/0002-onnx-form.md): every layer reads DequantizeLinear of uint8 codes
and ends in QuantizeLinear; ONNX Runtime fuses the three to one integer kernel. Weights lie at their
bits and are widened to int8 by operators that it folds away when it loads the file. Layers that
read the image can run in float32 instead (`float_layers`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from bitwright.errors import ExportError
from bitwright.export.integer import Grid, IntegerModel, Layer
from bitwright.export.names import INPUT, OUTPUT
from bitwright.export.onnx_nodes import Nodes
from bitwright.export.onnx_weights import stored_codes
from bitwright.graph import Node

SMALLEST_MEAN, LARGEST_MEAN = 2.0**-32, 256.0  # beyond these ONNX Runtime's kernel fails as it runs


class Codes(NamedTuple):
    """A tensor of uint8 codes in the graph: the names of it and of its scale and zero point."""

    name: str
    scale: str
    zero_point: str


class Writer:
    """Appends one layer's nodes after the other's.

    `wide` are the channels that layers have in the file where these are not their own, `floats` the
    layers that run in float32. `codes` are the results so far, by layer.
    """

    def __init__(
        self,
        model: IntegerModel,
        wide: Mapping[str, int],
        floats: frozenset[str] = frozenset(),
    ) -> None:
        self._model = model
        self._floats = floats
        self._nodes = Nodes()
        self._reals: dict[Codes, str] = {}
        self._widths = wide
        self.codes = {model.graph.input.name: self._image()}

    def _image(self) -> Codes:
        """The input, widened where its layers like it so."""
        node = self._model.graph.input
        codes = Codes(INPUT, *self._grid(node.name, self._model.input))
        more = self._channels(node.name) - node.shape[0]
        if not more:
            return codes
        ends = self._nodes.constant(np.array([0, 0, 0, 0, 0, more, 0, 0]))
        return codes._replace(name=self._nodes.add("Pad", codes.name, ends, codes.zero_point))

    def _channels(self, name: str) -> int:
        """The channels that a layer's output has in the file."""
        return self._widths.get(name, self._model.graph.node(name).shape[0])

    def graph(self) -> onnx.GraphProto:
        """The whole graph; its last node's result becomes the logits."""
        graph, last = self._model.graph, self._model.layers[-1]
        if last.output is not None:
            self._real(last.node.name)
        self._nodes.made[-1].output[0] = OUTPUT
        logits: list[str | int | None] = ["N", *graph.output.shape]
        return self._graph([helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, logits)])

    def unread(self, names: Sequence[str]) -> onnx.GraphProto:
        """The graph that hands out the shapes of these layers' codes alone, to time layers with.

        The batch is free, so ONNX Runtime must compute codes that nobody reads; and each shape is
        another operator, also where a layer is named twice.
        """
        shapes = [
            self._nodes.add("Shape", self.codes[name].name, start=0, end=at + 1)
            for at, name in enumerate(names)
        ]
        return self._graph(
            [helper.make_tensor_value_info(shape, TensorProto.INT64, None) for shape in shapes]
        )

    def _graph(self, outputs: list[onnx.ValueInfoProto]) -> onnx.GraphProto:
        images: list[str | int | None] = ["N", *self._model.graph.input.shape]
        taken = [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, images)]
        made, constants = self._nodes.made, self._nodes.constants
        return helper.make_graph(made, "bitwright", taken, outputs, constants)

    def append_all(self) -> None:
        """Adds the nodes of every layer."""
        for layer in self._model.layers[1:]:
            self._append(layer)

    def _append(self, layer: Layer) -> None:
        """Adds one layer's nodes."""
        node = layer.node
        if node.op == "max_pool":
            self._max_pool(layer)
            return
        if node.name in self._floats:
            self._in_float(layer)
            return
        real = self._operator(layer)
        if layer.output is None:
            if node.op != "linear" or layer is not self._model.layers[-1]:
                raise ExportError(
                    f"layer '{node.name}' ({node.op}) has no output grid; "
                    "only a linear layer at the end may give raw logits"
                )
            return
        codes = self._quantize(real, node.name, layer.output)
        if node.op == "global_average_pool":
            codes = codes._replace(name=self._nodes.add("Flatten", codes.name))
        self.codes[node.name] = codes

    def _operator(self, layer: Layer) -> str:
        node = layer.node
        match node.op:
            case "conv":
                return self._conv(layer)
            case "linear":
                return self._linear(layer)
            case "add":
                return self._nodes.add("Add", *map(self._real, node.inputs))
            case "multiply":
                gate = self._as_map(node.inputs[1])
                return self._nodes.add("Mul", self._real(node.inputs[0]), self._dequantize(gate))
            case "average_pool":
                return self._means(layer)
            case "global_average_pool":
                self._check_mean(layer)
                return self._nodes.add("GlobalAveragePool", self._real(node.inputs[0]))
            case _:
                raise ExportError(f"layer '{node.name}': no ONNX form for '{node.op}'")

    def _as_map(self, source: str) -> Codes:
        """The codes (N, C) of a gate as (N, C, 1, 1)."""
        codes = self.codes[source]
        axes = self._nodes.constant(np.array([2, 3]))
        return codes._replace(name=self._nodes.add("Unsqueeze", codes.name, axes))

    def _check_mean(self, layer: Layer) -> None:
        """ExportError where the mean's rescale leaves what QLinearGlobalAveragePool computes."""
        factors = [
            float(np.max(rescale.multiplier / 2.0**rescale.shift)) for rescale in layer.rescales
        ]
        if not all(SMALLEST_MEAN <= factor < LARGEST_MEAN for factor in factors):
            raise ExportError(
                f"layer '{layer.node.name}': its mean is rescaled by {factors[0]:.3g}, outside "
                f"{SMALLEST_MEAN:.3g} to {LARGEST_MEAN:.0f}; its neighbours have died in training"
            )

    def _means(self, layer: Layer) -> str:
        """Means of windows as a convolution with ones, which runs several times faster."""
        node, channels = layer.node, self._channels(layer.node.name)
        one, scale = np.ones((1, 1, 1, 1), np.int8), np.array(1 / node.kernel**2, np.float32)
        shape = self._nodes.constant(np.array([channels, 1, node.kernel, node.kernel]))
        ones = self._nodes.add("Expand", self._nodes.constant(one), shape)
        weights = self._nodes.add("DequantizeLinear", ones, self._nodes.constant(scale))
        strides = [node.stride] * 2
        image = self._real(node.inputs[0])
        return self._nodes.add("Conv", image, weights, strides=strides, group=channels)

    def _max_pool(self, layer: Layer) -> None:
        # On the codes themselves: order is all that it needs.
        node = layer.node
        codes = self.codes[node.inputs[0]]
        window = {"kernel_shape": [node.kernel] * 2, "strides": [node.stride] * 2}
        self.codes[node.name] = codes._replace(
            name=self._nodes.add("MaxPool", codes.name, **window)
        )

    def _in_float(self, layer: Layer) -> None:
        """Adds a convolution of the image whose sums are exact in float32.

        Not from a DequantizeLinear: ONNX Runtime would bring the weights back to integers.
        """
        node, nodes, grid = layer.node, self._nodes, layer.output
        assert grid is not None  # such layers alone are candidates

        def real(name: str) -> str:
            return nodes.add("Cast", name, to=TensorProto.FLOAT)

        image = self.codes[node.inputs[0]]
        centred = nodes.add("Sub", real(image.name), real(image.zero_point))
        weights, bias = real(self._weights(layer)[0]), real(self._bias(layer))
        sums = nodes.add("Conv", centred, weights, bias, **self._window(node))
        scale, zero_point = self._grid(node.name, grid)
        step = nodes.add("Div", scale, nodes.add("Mul", self._scale(layer), image.scale))
        zeros, axis = zero_point, {}
        if layer.kernel.grid.scale.ndim:
            channels = nodes.constant(np.array([self._channels(node.name)]))
            zeros, axis = nodes.add("Expand", zero_point, channels), {"axis": 1}
        codes = nodes.add("QuantizeLinear", sums, step, zeros, **axis)
        self.codes[node.name] = self._cut_off(Codes(codes, scale, zero_point), node.name, grid)

    def _conv(self, layer: Layer) -> str:
        image, weights, bias = self._operands(layer, self.codes[layer.node.inputs[0]])
        return self._nodes.add("Conv", image, weights, bias, **self._window(layer.node))

    def _window(self, node: Node) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        if node.kernel > 1:
            attributes["pads"] = [node.kernel // 2] * 4
        if node.stride > 1:
            attributes["strides"] = [node.stride] * 2
        if node.groups > 1:
            attributes["group"] = self._channels(node.name)
        return attributes

    def _linear(self, layer: Layer) -> str:
        source = layer.node.inputs[0]
        codes = self.codes[source]
        if len(self._model.graph.node(source).shape) > 1:
            codes = codes._replace(name=self._nodes.add("Flatten", codes.name))
        return self._nodes.add("Gemm", *self._operands(layer, codes), transB=1)

    def _operands(self, layer: Layer, codes: Codes) -> tuple[str, str, str]:
        """The real input, weights and bias of a convolution or linear layer."""
        axis = {"axis": 0} if layer.kernel.grid.scale.ndim else {}
        scale = self._scale(layer)
        stored, zero_point = self._weights(layer)
        weights = self._nodes.add("DequantizeLinear", stored, scale, *zero_point, **axis)
        # The fusion asks for exactly this scale; the product is folded, so it takes no room.
        product = self._nodes.add("Mul", scale, codes.scale)
        bias = self._nodes.add("DequantizeLinear", self._bias(layer), product, **axis)
        return self._dequantize(codes), weights, bias

    def _scale(self, layer: Layer) -> str:
        """The name of the weights' scales."""
        scales = _positive(layer.kernel.grid.scale, layer.node.name)
        if scales.ndim:
            more = self._channels(layer.node.name) - len(scales)
            scales = np.pad(scales, (0, more), constant_values=1)
        return self._nodes.constant(scales)

    def _bias(self, layer: Layer) -> str:
        """The name of the int32 bias."""
        bias = layer.kernel.bias
        return self._nodes.constant(np.pad(bias, (0, self._channels(layer.node.name) - len(bias))))

    def _weights(self, layer: Layer) -> tuple[str, list[str]]:
        """The names of the layer's int8 codes and of their zero point, where they need one."""
        codes = layer.kernel.codes
        name = stored_codes(self._nodes, layer.kernel.codes, layer.kernel.grid)
        zero_point = _int8(layer.kernel.grid.zero_point, layer.node.name)
        by_channel = zero_point.reshape(-1, *[1] * (codes.ndim - 1))
        if zero_point.any() and np.abs(codes - by_channel.astype(np.int16)).max() <= 127:
            # Zero points that differ by channel make QLinearConv 14 times slower: take them off.
            name = self._nodes.add("Sub", name, self._nodes.constant(by_channel))
            zero_point = np.zeros_like(zero_point)
        name = self._widened(name, layer, zero_point)
        if zero_point.ndim:
            zero_point = np.pad(zero_point, (0, self._channels(layer.node.name) - len(codes)))
        # ONNX Runtime fuses Gemm only if its weights name their zero point, Conv without it too.
        if zero_point.any() or layer.node.op == "linear":
            return name, [self._nodes.constant(zero_point, shared=False)]
        return name, []

    def _widened(self, name: str, layer: Layer, zero_point: npt.NDArray[np.int8]) -> str:
        """The name of the layer's codes with zeros for the channels that the file has more."""
        node, shape = layer.node, layer.kernel.codes.shape
        source = self._model.graph.node(node.inputs[0])
        more = [self._channels(node.name) - shape[0], 0]
        if node.groups == 1:
            more[1] = self._channels(source.name) - source.shape[0]
        if not any(more):
            return name
        by_pixel = node.op == "linear" and len(source.shape) > 1
        if by_pixel:
            grouped = self._nodes.constant(np.array([shape[0], source.shape[0], -1]))
            name, shape = self._nodes.add("Reshape", name, grouped), (*shape, 1)
        ends = self._nodes.constant(np.array([0] * len(shape) + more + [0] * (len(shape) - 2)))
        zero = self._nodes.constant(zero_point.reshape(-1)[:1].reshape(()))
        name = self._nodes.add("Pad", name, ends, zero)
        if by_pixel:
            name = self._nodes.add(
                "Reshape", name, self._nodes.constant(np.array([shape[0] + more[0], -1]))
            )
        return name

    def _quantize(self, real: str, name: str, grid: Grid) -> Codes:
        scale, zero_point = self._grid(name, grid)
        codes = self._nodes.add("QuantizeLinear", real, scale, zero_point)
        return self._cut_off(Codes(codes, scale, zero_point), name, grid)

    def _cut_off(self, whole: Codes, name: str, grid: Grid) -> Codes:
        """Codes of 8 bits as the grid has them."""
        codes = whole.name
        if grid.uneven:
            return whole._replace(name=self._on_levels(codes, name, grid))
        if grid.low > 0 or grid.high < 255:
            # Of integers: a Clip of reals would keep the layers around it in float.
            ends = (self._nodes.constant(np.array(end, np.uint8)) for end in (grid.low, grid.high))
            codes = self._nodes.add("Clip", codes, *ends)
        return whole._replace(name=codes)

    def _on_levels(self, codes: str, name: str, grid: Grid) -> str:
        """A layer's codes moved to their levels; the table clips as well."""
        clipped = np.clip(np.arange(256), grid.low, grid.high)
        table = self._nodes.constant(grid.on_level(clipped).astype(np.uint8))
        # Flat, by GatherElements: on codes of one byte Gather takes seven times as long.
        flat = self._nodes.add("Reshape", codes, self._nodes.constant(np.array([-1])))
        numbers = self._nodes.add("Cast", flat, to=TensorProto.INT32)
        found = self._nodes.add("GatherElements", table, numbers)
        inner = self._model.graph.node(name).shape[1:]
        shape = self._nodes.constant(np.array([-1, self._channels(name), *inner]))
        return self._nodes.add("Reshape", found, shape)

    def _grid(self, name: str, grid: Grid) -> tuple[str, str]:
        """The names of an activation grid's scale and zero point."""
        if grid.scale.size != 1 or grid.zero_point.size != 1:
            raise ExportError(
                f"layer '{name}': its activation has {grid.scale.size} scales; integer convolution "
                "needs one scale for its whole input: choose an activation method per tensor"
            )
        zero_point = grid.zero_point.reshape(())
        if not 0 <= zero_point <= 255 or not 0 <= grid.low <= grid.high <= 255:
            raise ExportError(
                f"layer '{name}': codes {grid.low}..{grid.high} with zero point {zero_point} "
                "do not fit uint8; choose an activation method of at most 8 bits"
            )
        scale = _positive(grid.scale.reshape(()), name)
        return self._nodes.constant(scale), self._nodes.constant(zero_point.astype(np.uint8))

    def _real(self, name: str) -> str:
        """The name of a layer's output as real numbers."""
        return self._dequantize(self.codes[name])

    def _dequantize(self, codes: Codes) -> str:
        if codes not in self._reals:
            self._reals[codes] = self._nodes.add("DequantizeLinear", *codes)
        return self._reals[codes]


def _positive(scale: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ExportError(
            f"layer '{name}': scale {scale.min()} is not a positive number; "
            "quantization met an empty or broken range"
        )
    return scale


def _int8(zero_point: npt.NDArray[np.int32], name: str) -> npt.NDArray[np.int8]:
    if zero_point.min() < -128 or zero_point.max() > 127:
        raise ExportError(
            f"layer '{name}': weight zero points {zero_point.min()}..{zero_point.max()} leave "
            "int8; choose a symmetric method"
        )
    return zero_point.astype(np.int8)
