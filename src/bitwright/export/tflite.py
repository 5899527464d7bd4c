"""The integer model as a `.tflite` file that LiteRT's processor kernels run in integers.

Converters for LiteRT start from a program and quantize it; ours is quantized already, so its
numbers are written as they are. Every layer's codes are int8, moved by an offset. Each form gives
the integer model's codes under XNNPACK, LiteRT's library of kernels, which rescales in float32 and
rounds ties to even (`docs/targets.md` has what was measured).
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export.integer import Grid, IntegerModel, Layer, int8_weights
from bitwright.export.names import INPUT, OUTPUT
from bitwright.export.tflite_file import Quantization, TfliteFile
from bitwright.export.told_scale import Told, told_scale
from bitwright.graph import Node, Shape

LOW, HIGH = -128, 127  # of int8
# XNNPACK takes factors below 256. A sum of one already passes every code at 255, and the largest is
# rounded to nothing at 2**-32: factors beyond give the same codes as these.
FACTORS = (2.0**-32, 255.0)
MEAN_NOISE = 2.0**-17  # steps of the output: MEAN adds the zero point, up to 128, then rounds


def build(model: IntegerModel, metadata: Mapping[str, str]) -> bytes:
    """The file: "images" uint8 (N, H, W, C) to "logits" float32 (N, classes), N open.

    TargetError where LiteRT is not installed, ExportError for numbers that are not int8.
    """
    writer = _Writer(model)
    for layer in model.layers[1:]:
        writer.append(layer)
    return writer.packed(metadata)


@dataclasses.dataclass(frozen=True, slots=True)
class _Convolution:
    """Weights (out, h, w, in), or (1, h, w, out) where each channel has its own window.

    `scale` is () or (out,), `bias` (out,) has the scale of sums.
    """

    weights: npt.NDArray[np.int8]
    scale: npt.NDArray[np.floating[Any]]
    bias: npt.NDArray[np.int32]
    depthwise: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Codes:
    """A layer's output: its tensor, what is added to a code to make it int8, the scale told."""

    tensor: int
    offset: int
    scale: np.float32


class _Writer:
    """Appends one layer's operators after the other's; a vector is a map of one pixel."""

    def __init__(self, model: IntegerModel) -> None:
        self._file = TfliteFile()
        self._valid = self._file.schema.Padding.VALID
        self._model = model
        source = model.graph.input
        pixels = Quantization(model.input.scale, int(model.input.zero_point))
        self._images = self._file.tensor(INPUT, _shape(source.shape), np.uint8, pixels)
        self._codes: dict[str, _Codes] = {}  # layers' outputs by name
        self._logits = -1
        scale = np.float32(model.input.scale)
        codes = self._tensor(source.name, source, model.input, LOW, scale)
        self._file.operator("QUANTIZE", [self._images], codes.tensor)
        self._codes[source.name] = codes

    def packed(self, metadata: Mapping[str, str]) -> bytes:
        """The whole file."""
        last = self._model.layers[-1]
        if last.output is not None:
            self._give_reals(last.node)
        return self._file.packed(self._images, self._logits, metadata)

    def append(self, layer: Layer) -> None:
        """Adds one layer's operators."""
        if layer.output is None:
            self._give_logits(layer)
        elif layer.node.op == "max_pool":
            self._pool(layer.node, layer.output)
        else:
            self._codes[layer.node.name] = self._on_grid(layer, layer.output)

    def _on_grid(self, layer: Layer, grid: Grid) -> _Codes:
        """A layer's codes. int8 ends where the grid does: above by its offset, below by a ReLU.

        Where the lowest code is not zero, a second offset puts that end at the end of int8 too.
        """
        if grid.uneven:
            raise ExportError(
                f"layer '{layer.node.name}': LiteRT has no form for its activation's uneven "
                "levels; choose a method of even ones, such as 'lsq'"
            )
        node, above, below = layer.node, HIGH - grid.high, LOW - grid.low
        told = self._told(layer, grid)
        zero_is_low = int(grid.zero_point) == grid.low
        relu = zero_is_low and node.op != "global_average_pool"  # which has none
        if relu or above == below or (zero_is_low and not self._signed(node.inputs[0])):
            codes = self._tensor(node.name, node, grid, above, told.scale)
            self._operator(layer, codes.tensor, told, relu=relu)
            return codes
        first = self._tensor(f"{node.name}/above", node, grid, above, told.scale)
        self._operator(layer, first.tensor, told, relu=False)
        codes = self._tensor(node.name, node, grid, below, told.scale)
        self._file.operator("QUANTIZE", [first.tensor], codes.tensor)
        return codes

    def _operator(self, layer: Layer, output: int, told: Told, *, relu: bool) -> None:
        node = layer.node
        sources = [self._codes[name].tensor for name in node.inputs]
        match node.op:
            case "conv" | "linear":
                self._weighted(layer, output, relu=relu)
            case "add":
                self._sum(node, output, told, relu=relu)
            case "multiply":
                self._file.operator("MUL", sources, output, **self._fused(relu=relu))
            case "average_pool":
                self._means(node, output, relu=relu)
            case "global_average_pool":
                axes = self._file.constant(f"{node.name}/axes", np.array([1, 2], np.int32))
                self._file.operator("MEAN", [*sources, axes], output, keepDims=True)
            case _:
                raise ExportError(f"layer '{node.name}': no LiteRT form for '{node.op}'")

    def _sum(self, node: Node, output: int, told: Told, *, relu: bool) -> None:
        """In float32: the integer kernel rounds halves up, not to even, and has fewer bits."""
        reals = []
        for at, name in enumerate(node.inputs):
            real = self._file.tensor(f"{node.name}/{at}", _shape(node.shape), np.float32)
            self._file.operator("DEQUANTIZE", [self._codes[name].tensor], real)
            reals.append(real)
        if told.second != 1:
            moved = self._file.tensor(f"{node.name}/moved", _shape(node.shape), np.float32)
            factor = self._file.constant(f"{node.name}/factor", np.array([told.second]))
            self._file.operator("MUL", [reals.pop(), factor], moved)
            reals.append(moved)
        total = self._file.tensor(f"{node.name}/sum", _shape(node.shape), np.float32)
        self._file.operator("ADD", reals, total, **self._fused(relu=relu))
        self._file.operator("QUANTIZE", [total], output)

    def _pool(self, node: Node, grid: Grid) -> None:
        source = self._codes[node.inputs[0]]
        codes = self._tensor(node.name, node, grid, source.offset, source.scale)
        window = {"filterWidth": node.kernel, "filterHeight": node.kernel}
        moved = self._moved(node, self._valid, relu=False)
        self._file.operator("MAX_POOL_2D", [source.tensor], codes.tensor, **window, **moved)
        self._codes[node.name] = codes

    def _means(self, node: Node, output: int, *, relu: bool) -> None:
        """Means of windows as a convolution with ones: LiteRT's own operator cannot rescale."""
        ones = np.ones((1, node.kernel, node.kernel, node.shape[0]), np.int8)
        scale, bias = np.array(1 / node.kernel**2, np.float32), np.zeros(node.shape[0], np.int32)
        moved = self._moved(node, self._valid, relu=relu)
        parts = self._parameters(node, _Convolution(ones, scale, bias, depthwise=True))
        inputs = [self._codes[node.inputs[0]].tensor, *parts]
        self._file.operator("DEPTHWISE_CONV_2D", inputs, output, depthMultiplier=1, **moved)

    def _weighted(self, layer: Layer, output: int, *, relu: bool) -> None:
        """Sums and bias. A linear layer is a convolution over its whole input."""
        node, kernel = layer.node, layer.kernel
        weights = self._weights(layer)
        image, padding = self._padded(node)
        moved = self._moved(node, padding, relu=relu)
        depthwise = 1 < node.groups == len(weights) and weights.shape[3] == 1
        if depthwise:
            weights = weights.transpose(3, 1, 2, 0)
        source = node.inputs[0]  # told another scale than its own, it is made up for here
        told = self._model.grid(source).scale.astype(np.float64) / self._codes[source].scale
        convolution = _Convolution(weights, kernel.grid.scale * told, kernel.bias, depthwise)
        inputs = [image, *self._parameters(node, convolution)]
        if depthwise:
            self._file.operator("DEPTHWISE_CONV_2D", inputs, output, depthMultiplier=1, **moved)
        else:
            self._file.operator("CONV_2D", inputs, output, **moved)

    def _parameters(self, node: Node, convolution: _Convolution) -> tuple[int, int]:
        """The tensors of weights and bias."""
        source = float(self._codes[node.inputs[0]].scale)
        output = float(self._model.grid(node.name).scale)
        least, most = (factor * output / source for factor in FACTORS)
        scale = np.clip(convolution.scale, least, most).astype(np.float32)
        by_channel = Quantization(scale, axis=3 if convolution.depthwise else 0)
        of_sums = Quantization((source * scale).astype(np.float32))
        return (
            self._file.constant(f"{node.name}/weights", convolution.weights, by_channel),
            self._file.constant(f"{node.name}/bias", convolution.bias, of_sums),
        )

    def _weights(self, layer: Layer) -> npt.NDArray[np.int8]:
        """A layer's codes less their zero points as (out, h, w, in)."""
        codes = int8_weights(layer)
        if layer.node.op == "linear":
            channels, *size = self._model.graph.node(layer.node.inputs[0]).shape
            codes = codes.reshape(len(codes), channels, *(size or (1, 1)))
        return codes.transpose(0, 2, 3, 1)

    def _padded(self, node: Node) -> tuple[int, int]:
        """The tensor that a layer's windows move over, and their padding.

        LiteRT pads an odd sum of rows behind, ours before: there the zeros are put by themselves.
        """
        source = self._codes[node.inputs[0]]
        if node.op == "linear" or node.kernel == 1:
            return source.tensor, self._valid
        channels, *size = self._model.graph.node(node.inputs[0]).shape
        before = node.kernel // 2
        moved = zip(size, node.shape[1:], strict=True)
        rows = [max((out - 1) * node.stride + node.kernel - have, 0) for have, out in moved]
        if all(both // 2 == before for both in rows):
            return source.tensor, self._file.schema.Padding.SAME
        ends = [(before, max(both - before, 0)) for both in rows]
        shape = (channels, *(have + sum(end) for have, end in zip(size, ends, strict=True)))
        grid = self._quantization(node.inputs[0])
        padded = self._file.tensor(f"{node.name}/padded", _shape(shape), np.int8, grid)
        pads = np.array([(0, 0), *ends, (0, 0)], np.int32)
        amounts = self._file.constant(f"{node.name}/pads", pads)
        self._file.operator("PAD", [source.tensor, amounts], padded)
        return padded, self._valid

    def _give_logits(self, layer: Layer) -> None:
        """The exact sums in int32, then float32: equal sums of one scale stay equal."""
        node, name = layer.node, layer.node.name
        source, grid = self._codes[node.inputs[0]], self._model.grid(node.inputs[0])
        weights = self._weights(layer)
        weights = weights.reshape(len(weights), -1)
        count, features = weights.shape
        file = self._file
        flat = file.tensor(
            f"{name}/flat", (1, features), np.int8, self._quantization(node.inputs[0])
        )
        shape = file.constant(f"{name}/shape", np.array([-1, features], np.int32))
        file.operator("RESHAPE", [source.tensor, shape], flat)
        products = file.tensor(f"{name}/products", (1, count), np.int32)
        matrix = file.constant(f"{name}/weights", weights, Quantization(np.array(1, np.float32)))
        file.operator("BATCH_MATMUL", [flat, matrix], products, adjY=True)
        # The operator takes the codes for centred; what their zero point adds goes into the bias.
        zero = int(grid.zero_point) + source.offset
        bias = layer.kernel.bias - zero * weights.sum(1, dtype=np.int32)
        sums = file.tensor(f"{name}/sums", (1, count), np.int32)
        reals = file.tensor(f"{name}/reals", (1, count), np.float32)
        file.operator("ADD", [products, file.constant(f"{name}/bias", bias)], sums)
        file.operator("CAST", [sums], reals)
        scale = grid.scale.astype(np.float64) * layer.kernel.grid.scale
        each = np.broadcast_to(scale, count).astype(np.float32)
        self._logits = file.tensor(OUTPUT, (1, count), np.float32)
        file.operator("MUL", [reals, file.constant(f"{name}/scale", each)], self._logits)

    def _give_reals(self, node: Node) -> None:
        """The last layer's output (N, H * W * C) where it lies on a grid."""
        reals = self._file.tensor(f"{node.name}/reals", _shape(node.shape), np.float32)
        self._file.operator("DEQUANTIZE", [self._codes[node.name].tensor], reals)
        features = math.prod(node.shape)
        self._logits = self._file.tensor(OUTPUT, (1, features), np.float32)
        shape = self._file.constant(f"{node.name}/shape", np.array([-1, features], np.int32))
        self._file.operator("RESHAPE", [reals, shape], self._logits)

    def _moved(self, node: Node, padding: int, *, relu: bool) -> dict[str, int]:
        """The options of what moves a window over a map."""
        stride = node.stride if node.op != "linear" else 1
        return {"padding": padding, "strideW": stride, "strideH": stride, **self._fused(relu=relu)}

    def _fused(self, *, relu: bool) -> dict[str, int]:
        kinds = self._file.schema.ActivationFunctionType
        return {"fusedActivationFunction": kinds.RELU if relu else kinds.NONE}

    def _signed(self, name: str) -> bool:
        """Whether a layer's codes tell negative numbers."""
        grid = self._model.grid(name)
        return int(grid.zero_point) > grid.low

    def _told(self, layer: Layer, grid: Grid) -> Told:
        """What LiteRT is told of a layer's output, to round as the integers do."""
        node = layer.node
        if node.op in ("conv", "linear"):
            return Told(np.float32(grid.scale))
        size = self._model.graph.node(node.inputs[0]).shape[1:]
        window = node.kernel**2 if node.op == "average_pool" else math.prod(size)
        grids = [self._model.grid(name) for name in node.inputs]
        told = [self._codes[name].scale for name in node.inputs]
        noise = MEAN_NOISE if node.op == "global_average_pool" else 0
        return told_scale(layer, grids, told, window=window, noise=noise)

    def _tensor(self, name: str, node: Node, grid: Grid, offset: int, scale: np.float32) -> _Codes:
        quantization = Quantization(np.asarray(scale), int(grid.zero_point) + offset)
        tensor = self._file.tensor(name, _shape(node.shape), np.int8, quantization)
        return _Codes(tensor, offset, scale)

    def _quantization(self, name: str) -> Quantization:
        """That of a layer's output."""
        codes = self._codes[name]
        zero = int(self._model.grid(name).zero_point) + codes.offset
        return Quantization(np.asarray(codes.scale), zero)


def _shape(shape: Shape) -> tuple[int, ...]:
    """(1, H, W, C) of (C, H, W) or (C,)."""
    channels, *size = shape
    return (1, *(size or (1, 1)), channels)
