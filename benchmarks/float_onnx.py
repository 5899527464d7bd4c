"""An integer model's network as a float ONNX file: what its speed is held against.

The same kernels and biases as real numbers, batch norm folded as it is in the integers, ReLU where
a layer ends in one. It takes images already normalised, so a user's conversion of pixels, which the
integer file does itself, costs it nothing.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from bitwright.export.integer import IntegerModel, Layer
from bitwright.export.names import INPUT, OUTPUT
from bitwright.export.onnx_file import IR_VERSION, OPSET

Floats = npt.NDArray[np.float32]


def write_float(model: IntegerModel, path: Path) -> None:
    """Writes the file. Input "images": float32 (N, C, H, W); output "logits" (N, classes)."""
    writer = _Writer(model)
    for layer in model.layers[1:]:
        writer.append(layer)
    graph = model.graph
    writer.nodes[-1].output[0] = OUTPUT
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *graph.input.shape])
    logits = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", *graph.output.shape])
    whole = helper.make_graph(writer.nodes, "float", [images], [logits], writer.constants)
    proto = helper.make_model(
        whole, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())


class _Writer:
    """Appends one layer's nodes after the other's."""

    def __init__(self, model: IntegerModel) -> None:
        self.model = model
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.values = {model.graph.input.name: INPUT}

    def append(self, layer: Layer) -> None:
        """Adds a layer's operator and its ReLU."""
        node = layer.node
        inputs = [self.values[name] for name in node.inputs]
        window = {"kernel_shape": [node.kernel] * 2, "strides": [node.stride] * 2}
        match node.op:
            case "conv":
                shape = {"pads": [node.kernel // 2] * 4, "strides": [node.stride] * 2}
                result = self._node(
                    "Conv", *inputs, *self._kernel(layer), group=node.groups, **shape
                )
            case "linear":
                flat = self._node("Flatten", inputs[0])
                result = self._node("Gemm", flat, *self._kernel(layer), transB=1)
            case "add":
                result = self._node("Add", *inputs)
            case "multiply":
                gate = self._node("Unsqueeze", inputs[1], self._constant(np.array([2, 3])))
                result = self._node("Mul", inputs[0], gate)
            case "max_pool":
                result = self._node("MaxPool", *inputs, **window)
            case "average_pool":
                result = self._node("AveragePool", *inputs, **window)
            case "global_average_pool":
                result = self._node("Flatten", self._node("GlobalAveragePool", *inputs))
            case _:
                raise ValueError(f"'{node.name}': no float form for '{node.op}'")
        self.values[node.name] = self._ended(layer, result)

    def _ended(self, layer: Layer, result: str) -> str:
        """The ReLU or the gate that ends a layer of weights, or a sum."""
        node = layer.node
        if node.gate:
            zero, one = (self._constant(np.array(x, np.float32)) for x in (0, 1))
            return self._node("Clip", result, zero, one)
        if node.op in ("conv", "linear", "add") and node.activation and not node.signed:
            return self._node("Relu", result)
        return result

    def _kernel(self, layer: Layer) -> tuple[str, str]:
        """Weights and bias as real numbers."""
        kernel = layer.kernel
        spread = (-1, *[1] * (kernel.codes.ndim - 1))
        scale, zero = kernel.grid.scale.reshape(spread), kernel.grid.zero_point.reshape(spread)
        weights = ((kernel.codes - zero) * scale).astype(np.float32)
        unit = self.model.grid(layer.node.inputs[0]).scale * kernel.grid.scale
        return self._constant(weights), self._constant((kernel.bias * unit).astype(np.float32))

    def _constant(self, values: npt.NDArray[np.generic]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name
