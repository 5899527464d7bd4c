"""The integer model in an ONNX file that `onnx_file.write` wrote, number for number.

What operators do not tell stands in the metadata (`onnx_layers`). Where weights with levels by
channel lie in the file as whole codes, levels that no weight has are not in it, and no number
depends on them: the last one in use is repeated in their place.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from bitwright.errors import TargetError
from bitwright.export.integer import Array, Grid, IntegerModel, Layer
from bitwright.export.names import INPUT
from bitwright.export.onnx_layers import BROKEN, LAYERS_KEY, Codes, Outline, outlines
from bitwright.export.reference import rescales_of
from bitwright.graph import Graph, Node

PRODUCER = "bitwright"
_Attributes = Mapping[str, Any]


def read(path: Path | str) -> IntegerModel:
    """The model of an exported file; TargetError for any other file."""
    proto = _parsed(path)
    about = {item.key: item.value for item in proto.metadata_props}
    if proto.producer_name != PRODUCER:
        raise TargetError(
            f"'{path}' was not exported by bitwright but by '{proto.producer_name or 'unknown'}': "
            "its operators do not tell the integers apart; name a study's .onnx file"
        )
    if LAYERS_KEY not in about:
        raise TargetError(
            f"'{path}' was exported by an older bitwright, which did not write its layers down; "
            "train and export the network anew, in a new folder of its study"
        )
    try:
        return _Reader(proto.graph).model(outlines(about[LAYERS_KEY]))
    except (*BROKEN, StopIteration, IndexError) as error:
        raise TargetError(
            f"'{path}' is not as bitwright writes files ({type(error).__name__}: {error}); another "
            "program changed it, or a newer bitwright wrote it: take the study's own file"
        ) from error


def metadata(path: Path | str) -> dict[str, str] | None:
    """What a file of ours says of itself; None for a model of another program.

    TargetError for what is no model file.
    """
    proto = _parsed(path)
    if proto.producer_name != PRODUCER:
        return None
    return {item.key: item.value for item in proto.metadata_props}


def provenance(path: Path | str) -> dict[str, str]:
    """The metadata that any other form of the network carries too: all but this form's layers."""
    return {key: text for key, text in (metadata(path) or {}).items() if key != LAYERS_KEY}


def _parsed(path: Path | str) -> onnx.ModelProto:
    if not Path(path).is_file():
        raise TargetError(f"there is no model file '{path}'; name a study's .onnx file")
    try:
        proto: onnx.ModelProto = onnx.load(path)
    except DecodeError as error:
        raise TargetError(f"'{path}' is no ONNX file, or a broken one; copy it again") from error
    return proto


class _Reader:
    """Finds the numbers of one layer after the other, in the order in which they were written."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._constants = {item.name: item for item in graph.initializer}
        self._ends = {
            node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"
        }
        self._makers = {node.output[0]: node for node in graph.node}
        self._of = {
            kind: iter([node for node in graph.node if node.op_type == kind])
            for kind in ("Conv", "Gemm", "QuantizeLinear")
        }
        self._image = self._grid_of_image(graph)

    def model(self, told: tuple[Outline, ...]) -> IntegerModel:
        graph = Graph(tuple(outline.node for outline in told))
        layers: dict[str, Layer] = {}
        for outline in told:
            grids = [layers[name].output for name in outline.node.inputs]
            layer = self._layer(graph, outline, [grid for grid in grids if grid is not None])
            layers[outline.node.name] = layer
        return IntegerModel(graph, tuple(layers.values()))

    def _layer(self, graph: Graph, outline: Outline, grids: list[Grid]) -> Layer:
        node = outline.node
        if node.op == "input":
            return Layer(node, _grid_of(*self._image, _given(outline.output)))
        if node.op == "max_pool":
            return Layer(node, grids[0])
        parts: dict[str, Any] = {}
        window = 1
        if node.op in ("conv", "linear"):
            parts = self._kernel(graph, node, _given(outline.weights))
        elif node.op == "average_pool":
            next(self._of["Conv"])  # a mean is a convolution with ones
            window = node.kernel**2
        elif node.op == "global_average_pool":
            window = int(np.prod(graph.node(node.inputs[0]).shape[1:]))
        output = None
        if outline.output is not None:
            numbers = self._steps(next(self._of["QuantizeLinear"]))
            output = _grid_of(*numbers, outline.output)
        weights = parts.get("weights")
        rescales = rescales_of(node, grids, output, weights=weights, window=window)
        return Layer(node, output, rescales=rescales, **parts)

    def _grid_of_image(self, graph: onnx.GraphProto) -> tuple[Array, Array]:
        """The image's scale and zero point: where its codes become real, or floats are centred."""
        for node in graph.node:
            if node.op_type == "DequantizeLinear" and self._reads_image(node.input[0]):
                scale, zero_point = (self._value(name) for name in node.input[1:])
                return scale, zero_point
            if node.op_type == "QuantizeLinear" and node.input[1] in self._makers:
                image = self._makers[self._makers[node.input[0]].input[0]]
                product = self._makers[self._makers[node.input[1]].input[1]]
                zero_point = self._makers[image.input[1]].input[0]
                return self._value(product.input[1]), self._value(zero_point)
        raise ValueError("nothing reads the image")

    def _steps(self, operator: onnx.NodeProto) -> tuple[Array, Array]:
        """Scale and zero point of the codes that an operator makes.

        One that ends a float layer brings sums onto the codes' scale, divided by the sums' own.
        """
        scale, zero_point = operator.input[1:]
        if scale in self._makers:
            scale = self._makers[scale].input[0]
        if zero_point in self._makers:
            zero_point = self._makers[zero_point].input[0]
        return self._value(scale), self._value(zero_point)

    def _kernel(self, graph: Graph, node: Node, told: Codes) -> dict[str, Any]:
        """Codes, their grid and the bias of a layer, without what the file has more of channels."""
        operator = next(self._of["Conv" if node.op == "conv" else "Gemm"])
        weights, bias = (self._makers[name] for name in operator.input[1:])
        shape = graph.weight_shape(node)
        stored, *numbers = weights.input
        if weights.op_type == "Cast":  # a float layer: the scale stands where its sums are divided
            numbers = [self._makers[self._divisor(operator)].input[0]]
        codes = _cut(self._value(stored), shape, graph.node(node.inputs[0]).shape)
        scale, *zero = (_first(self._value(name), shape[0]) for name in numbers)
        taken_off = self._taken_off(stored)
        if taken_off is not None:
            codes = codes + taken_off.astype(np.int16)
            zero = [taken_off.reshape(scale.shape)]
        grid = _grid_of(scale, zero[0] if zero else np.zeros(scale.shape), told)
        if told.by_channel:
            grid = dataclasses.replace(grid, levels=self._levels(stored, codes, told))
        whole = _first(self._value(bias.input[0]), shape[0]).astype(np.int32)
        return {"codes": codes.astype(np.int8), "weights": grid, "bias": whole}

    def _divisor(self, convolution: onnx.NodeProto) -> str:
        """What the sums of a float layer are divided by: the product of the scales."""
        ends = self._ends[convolution.output[0]]
        return str(self._makers[ends.input[1]].input[1])

    def _taken_off(self, name: str) -> Array | None:
        """The zero points that were taken off the codes; None where none were."""
        for maker in self._back(name):
            if maker.op_type == "Sub":
                return self._value(maker.input[1])
        return None

    def _levels(self, name: str, codes: Array, told: Codes) -> npt.NDArray[np.int32]:
        """The levels of each channel: the table in the file, or the codes in use."""
        for maker in self._back(name):
            if maker.op_type == "GatherElements":
                return self._value(maker.input[0]).astype(np.int32)
        rows = [np.unique(row) for row in codes.reshape(len(codes), -1)]
        count = 1 << told.bits
        return np.stack([np.pad(row, (0, count - len(row)), "edge") for row in rows]).astype(
            np.int32
        )

    def _back(self, name: str) -> Iterator[onnx.NodeProto]:
        """The operators from a constant back to what is stored, along their first inputs."""
        while name in self._makers:
            yield self._makers[name]
            name = self._makers[name].input[0]

    def _reads_image(self, name: str) -> bool:
        makers = list(self._back(name))
        whole = all(maker.op_type in ("Pad", "MaxPool", "Flatten") for maker in makers)
        return whole and (makers[-1].input[0] if makers else name) == INPUT

    def _value(self, name: str) -> Array:
        """A constant, folded as ONNX Runtime folds it when it loads the file."""
        if name in self._constants:
            return np.asarray(numpy_helper.to_array(self._constants[name]))
        maker = self._makers[name]
        attributes = {item.name: helper.get_attribute_value(item) for item in maker.attribute}
        return _FOLDED[maker.op_type](*map(self._value, maker.input), attributes)


def _given(codes: Codes | None) -> Codes:
    if codes is None:
        raise ValueError("a layer's grid is not told")
    return codes


def _grid_of(scale: Array, zero_point: Array, told: Codes) -> Grid:
    levels = None if told.levels is None else np.array(told.levels, np.int32)
    numbers = scale.astype(np.float32), zero_point.astype(np.int32)
    return Grid(*numbers, told.bits, told.low, told.high, levels)


def _first(numbers: Array, channels: int) -> Array:
    """Numbers () as they are, of (C,) those of the first channels."""
    return numbers[:channels] if numbers.ndim else numbers


def _cut(codes: Array, shape: tuple[int, ...], source: tuple[int, ...]) -> Array:
    """Weights without the channels that lie in the file alone."""
    if len(shape) == 2 and len(source) > 1:  # a linear layer on a map: by channel, then by pixel
        pixels = int(np.prod(source[1:]))
        codes = codes.reshape(len(codes), -1, pixels)[: shape[0], : source[0]]
        return codes.reshape(shape)
    found = codes[: shape[0], : shape[1]]
    if found.shape != shape:
        raise ValueError(f"weights have shape {found.shape}, not {shape}")
    return found


def _pad(x: Array, ends: Array, value: Array, _: _Attributes) -> Array:
    half = len(ends) // 2
    widths = [(int(a), int(b)) for a, b in zip(ends[:half], ends[half:], strict=True)]
    return np.pad(x, widths, constant_values=value.item())


def _cast(x: Array, attributes: _Attributes) -> Array:
    return x.astype(helper.tensor_dtype_to_np_dtype(attributes["to"]))


def _slice(x: Array, start: Array, end: Array, _: _Attributes) -> Array:
    return x[int(start[0]) : int(end[0])]


def _product(x: Array, y: Array, _: _Attributes) -> Array:
    found: Array = np.matmul(x.astype(np.int32), y.astype(np.int32))
    return found


def _gather_elements(table: Array, at: Array, attributes: _Attributes) -> Array:
    found: Array = np.take_along_axis(table, at.astype(np.int64), attributes.get("axis", 0))
    return found


_FOLDED: dict[str, Callable[..., Array]] = {
    "Add": lambda x, y, _: x + y,
    "BitShift": lambda x, y, _: x >> y,  # to the right, as it is written
    "BitwiseAnd": lambda x, y, _: x & y,
    "Cast": _cast,
    "Gather": lambda table, at, _: table[at],
    "GatherElements": _gather_elements,
    "MatMulInteger": _product,
    "Pad": _pad,
    "Reshape": lambda x, shape, _: x.reshape(shape),
    "Slice": _slice,
    "Sub": lambda x, y, _: x - y,
}
