"""The integer model as an ONNX file that is small and that ONNX Runtime runs in integers."""

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import helper

from bitwright._version import __version__
from bitwright.errors import ExportError
from bitwright.export import reference
from bitwright.export.float_layers import in_float
from bitwright.export.integer import IntegerModel
from bitwright.export.onnx_layers import LAYERS_KEY, describe
from bitwright.export.onnx_writer import Writer
from bitwright.export.widths import widths

OPSET, IR_VERSION = 25, 13  # the first that know INT2
VERSION_KEY = "bitwright_version"


def write(model: IntegerModel, path: Path | str, metadata: Mapping[str, str]) -> None:
    """Writes the model with `metadata` and the program's version as its properties.

    Input "images": uint8 (N, C, H, W). Output "logits": float32 (N, classes). What the metadata
    says under `float_layers.FLOAT_LAYERS` is done.
    """
    data = build(model, metadata).SerializeToString()
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise ExportError(
            f"cannot write '{path}': {error.strerror}; free space or choose another folder"
        ) from error


def build(model: IntegerModel, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The ONNX model that `write` puts into the file, checked."""
    reference.check(model)
    floats = in_float(model, metadata)
    writer = Writer(model, _widths(model, floats), floats)
    writer.append_all()
    proto = model_of(writer.graph())
    own = {LAYERS_KEY: describe(model), VERSION_KEY: __version__}
    helper.set_model_props(proto, {**metadata, **own})
    onnx.checker.check_model(proto, full_check=True)
    return proto


def model_of(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A graph as a model, of the version that all files of ours have."""
    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="bitwright",
    )


def _widths(model: IntegerModel, floats: frozenset[str]) -> dict[str, int]:
    """The channels that layers have in the file; float layers take the image as it is."""
    wide = widths(model.graph) if _can_widen(model) else {}
    return {name: at for name, at in wide.items() if not floats or name != model.graph.input.name}


def _can_widen(model: IntegerModel) -> bool:
    """Whether zero can be written for any weight: not where 8-bit codes keep many zero points."""
    kernels = [layer.kernel for layer in model.layers if layer.weights is not None]
    return not any(
        kernel.grid.bits == 8 and kernel.grid.zero_point.ndim and kernel.grid.zero_point.any()
        for kernel in kernels
    )
