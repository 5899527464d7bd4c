"""A `.tflite` file in the making: tensors, constants and operators, packed by the schema's classes.

The schema of TensorFlow Lite, and Python classes for it, come with its runtime, `ai-edge-litert`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import TargetError
from bitwright.export.names import INPUT, OUTPUT

MISSING = (
    "target 'litert' needs the package ai-edge-litert, which is not installed here; "
    "pip install 'bitwright[litert]', or take target 'onnxruntime-cpu'"
)
IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
ALIGNMENT = 16  # bytes; the schema asks it of every buffer
LAST_OLD_CODE = 127  # of an operator, in the field that readers of the first schema look at
SIGNATURE = "serving_default"
# By operator: its table of options, and the version that took the types which we give it.
OPERATORS = {
    "ADD": ("AddOptions", 1),
    "BATCH_MATMUL": ("BatchMatMulOptions", 2),
    "CAST": ("CastOptions", 1),
    "CONV_2D": ("Conv2DOptions", 3),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", 3),
    "DEQUANTIZE": ("DequantizeOptions", 2),
    "MAX_POOL_2D": ("Pool2DOptions", 2),
    "MEAN": ("ReducerOptions", 2),
    "MUL": ("MulOptions", 3),
    "PAD": ("PadOptions", 2),
    "QUANTIZE": ("QuantizeOptions", 1),
    "RESHAPE": ("ReshapeOptions", 1),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Quantization:
    """A tensor's reals: ``(value - zero_point) * scale``, scales () or (C,) along `axis`."""

    scale: npt.NDArray[np.float32]
    zero_point: int = 0
    axis: int = 0


class TfliteFile:
    """Tensors are known by the number that adding one gives; their first dimension is the batch's.

    TargetError where the schema's classes are not installed.
    """

    def __init__(self) -> None:
        self.schema = schema()
        self._buffers = [self.schema.BufferT()]  # the first is that of tensors without constants
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[str, int] = {}

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        quantization: Quantization | None = None,
    ) -> int:
        """A tensor that some operator writes, or the input: (1, ...), its batch open."""
        tensor = self._described(name, shape, dtype, quantization)
        tensor.shapeSignature = [-1, *shape[1:]]
        return self._added(tensor)

    def constant(
        self, name: str, values: npt.NDArray[Any], quantization: Quantization | None = None
    ) -> int:
        """A tensor with these values."""
        tensor = self._described(name, values.shape, values.dtype, quantization)
        tensor.buffer = self._buffer(values.tobytes())
        return self._added(tensor)

    def operator(
        self, kind: str, inputs: Sequence[int], output: int, **options: int | bool
    ) -> None:
        """Appends a built-in operator; TypeError for an option that its table does not have."""
        table = OPERATORS[kind][0]
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._codes.setdefault(kind, len(self._codes))
        operator.inputs, operator.outputs = list(inputs), [output]
        operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, table)
        operator.builtinOptions = getattr(self.schema, f"{table}T")(**options)
        self._operators.append(operator)

    def packed(self, images: int, logits: int, metadata: Mapping[str, str]) -> bytes:
        """The file with that input, that output, and texts by name."""
        graph = self.schema.SubGraphT()
        graph.name = "main"
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = [images], [logits]
        model = self.schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, "bitwright"
        model.subgraphs, model.operatorCodes = [graph], [self._code(kind) for kind in self._codes]
        model.signatureDefs = [self._signature(images, logits)]
        model.metadata = [self._text(name, text) for name, text in metadata.items()]
        model.buffers = self._buffers
        builder = _builder()
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def _described(
        self,
        name: str,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        quantization: Quantization | None,
    ) -> Any:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type = getattr(self.schema.TensorType, np.dtype(dtype).name.upper())
        if quantization is not None:
            scale = np.atleast_1d(quantization.scale).astype(np.float32)
            found = self.schema.QuantizationParametersT()
            found.scale = scale
            found.zeroPoint = np.full(len(scale), quantization.zero_point, np.int64)
            found.quantizedDimension = quantization.axis
            tensor.quantization = found
        return tensor

    def _added(self, tensor: Any) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _buffer(self, content: bytes) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        self._buffers.append(buffer)
        return len(self._buffers) - 1

    def _code(self, kind: str) -> Any:
        code = self.schema.OperatorCodeT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, LAST_OLD_CODE)
        code.version = OPERATORS[kind][1]
        return code

    def _signature(self, images: int, logits: int) -> Any:
        signature = self.schema.SignatureDefT()
        signature.signatureKey = SIGNATURE
        signature.inputs, signature.outputs = self._map(INPUT, images), self._map(OUTPUT, logits)
        return signature

    def _map(self, name: str, tensor: int) -> list[Any]:
        found = self.schema.TensorMapT()
        found.name, found.tensorIndex = name, tensor
        return [found]

    def _text(self, name: str, text: str) -> Any:
        entry = self.schema.MetadataT()
        entry.name, entry.buffer = name, self._buffer(text.encode())
        return entry


def schema() -> Any:
    """The classes of the schema; TargetError where they are not installed."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise TargetError(MISSING) from error
    return schema_py_generated


def metadata_of(file: bytes) -> dict[str, str]:
    """The texts by name that a file was packed with."""
    model = schema().Model.GetRootAsModel(file)
    entries = [model.Metadata(at) for at in range(model.MetadataLength())]
    texts = {entry.Name(): model.Buffers(entry.Buffer()).DataAsNumpy() for entry in entries}
    return {name.decode(): text.tobytes().decode() for name, text in texts.items()}


def _builder() -> Any:
    """A builder of flatbuffers that aligns buffers: the schema's Python classes leave it out."""
    import flatbuffers

    class Aligning(flatbuffers.Builder):
        def CreateNumpyVector(self, x: npt.NDArray[Any]) -> Any:
            self.Prep(ALIGNMENT, x.nbytes)
            return super().CreateNumpyVector(x)

    return Aligning()
