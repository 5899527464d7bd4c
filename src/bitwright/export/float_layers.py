"""Which layers of a file run in float32 kernels, though they compute the same codes.

Integers below 2**24 are exact in float32, so a sum of products of codes that stays there is the
integer kernel's. Only convolutions of the image gain by it: there ONNX Runtime's integer kernel
asks for the image with more channels and in another order, which costs more than it saves
(docs/decisions/0013-float-layers.md).
"""

import json
from collections.abc import Mapping

import numpy as np

from bitwright.errors import ExportError
from bitwright.export.integer import IntegerModel, Layer
from bitwright.export.reference import worst_sum

FLOAT_LAYERS = "float_layers"  # metadata: names of layers, a JSON list
EXACT = 2**24


def candidates(model: IntegerModel) -> frozenset[str]:
    """The layers that read the image, where all of them are such as may run in float32."""
    image = model.graph.input.name
    readers = [layer for layer in model.layers if image in layer.node.inputs]
    if not all(_possible(model, layer) for layer in readers):
        return frozenset()
    return frozenset(layer.node.name for layer in readers)


def in_float(model: IntegerModel, metadata: Mapping[str, str]) -> frozenset[str]:
    """The layers that the metadata asks to run in float32; ExportError where they cannot."""
    if FLOAT_LAYERS not in metadata:
        return frozenset()
    asked: frozenset[str] = frozenset(json.loads(metadata[FLOAT_LAYERS]))
    if asked not in (frozenset(), candidates(model)):
        raise ExportError(
            f"{FLOAT_LAYERS} = {metadata[FLOAT_LAYERS]}: layers that can run in float32 are "
            f"{told(candidates(model))}, all of them or none"
        )
    return asked


def told(names: frozenset[str]) -> str:
    """Names as the metadata holds them."""
    return json.dumps(sorted(names))


def _possible(model: IntegerModel, layer: Layer) -> bool:
    """Whether it is a plain convolution without zero points that stay, its sums exact."""
    if layer.node.op != "conv" or layer.node.groups > 1 or layer.output is None:
        return False
    kernel = layer.kernel
    zero = kernel.grid.zero_point.reshape(-1, 1, 1, 1)
    fits = np.abs(kernel.codes.astype(np.int16) - zero).max() <= np.iinfo(np.int8).max
    return bool(fits) and worst_sum(model, layer) < EXACT
