"""The integer model as an OpenVINO graph that its processor plugin runs in integer kernels.

OpenVINO's ONNX reader takes neither INT2 nor what unpacks other widths, so the graph is made of the
integer model, in the form that its low-precision transformations look for (`docs/targets.md` has
what was measured): weights are int8 constants with their scale behind them, activations reals that
FakeQuantize holds on their grid.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError, TargetError
from bitwright.export.integer import Grid, IntegerModel, Layer, int8_weights
from bitwright.export.names import INPUT, OUTPUT

if TYPE_CHECKING:
    import openvino

MISSING = (
    "target 'openvino' needs the package openvino, which is not installed here; "
    "pip install 'bitwright[openvino]', or take target 'onnxruntime-cpu'"
)
LEVELS = 256  # the transformations take 8 bits; narrower grids are clipped before
NO_MAP = (1, 1)  # height and width of a vector
GROUPLESS = 4  # dimensions of a kernel without groups
METADATA = "bitwright"  # where in an IR's runtime information a file's metadata lie


def runtime() -> Any:
    """The package `openvino`; TargetError where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise TargetError(MISSING) from error
    return openvino


def build(model: IntegerModel, metadata: Mapping[str, str]) -> "openvino.Model":
    """The graph: "images" uint8 (N, C, H, W) to "logits" float32 (N, classes), N open.

    TargetError where OpenVINO is not installed, ExportError for numbers that would not stay in
    integers.
    """
    writer = _Writer(model)
    for layer in model.layers[1:]:
        writer.append(layer)
    logits = writer.logits()
    logits.set_names({OUTPUT})
    graph = runtime().Model([logits], [writer.images], "bitwright")
    for key, value in metadata.items():
        graph.set_rt_info(value, [METADATA, key])
    return graph


def write(graph: "openvino.Model", path: Path) -> tuple[Path, Path]:
    """Writes a graph as IR; the paths of its .xml, which `path` is, and of its .bin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    runtime().save_model(graph, path, compress_to_fp16=False)
    return path, path.with_suffix(".bin")


class _Writer:
    """Appends one layer's operators after the other's, maps and vectors as (N, C, H, W)."""

    def __init__(self, model: IntegerModel) -> None:
        self._ops = runtime().opset1
        self._model = model
        source = model.graph.input
        self.images = self._ops.parameter([-1, *source.shape], np.uint8, name=INPUT)
        self.images.output(0).set_names({INPUT})
        centred = self._ops.subtract(
            self._ops.convert(self.images, np.float32), self._constant(model.input.zero_point)
        )
        scaled = self._ops.multiply(centred, self._constant(model.input.scale))
        self._reals: dict[str, Any] = {source.name: scaled}  # layers' outputs by name

    def logits(self) -> Any:
        """The last layer's output as (N, classes)."""
        flat = np.array([0, -1])
        last = self._reals[self._model.graph.output.name]
        return self._ops.reshape(last, self._ops.constant(flat), True).output(0)

    def append(self, layer: Layer) -> None:
        """Adds one layer's operators."""
        node = layer.node
        real = self._operator(layer)
        if layer.output is not None and node.op != "max_pool":
            real = self._on_grid(real, layer.output, node.name)
        self._reals[node.name] = real

    def _operator(self, layer: Layer) -> Any:
        ops, node = self._ops, layer.node
        sources = [self._reals[name] for name in node.inputs]
        match node.op:
            case "conv" | "linear":
                return self._weighted(layer, sources[0])
            case "add":
                return ops.add(*sources)
            case "multiply":
                return ops.multiply(*sources)
            case "max_pool":
                window, none = [node.kernel] * 2, [0, 0]
                return ops.max_pool(sources[0], [node.stride] * 2, none, none, window, "floor")
            case "average_pool":
                return self._means(layer, sources[0])
            case "global_average_pool":
                return ops.reduce_mean(sources[0], ops.constant(np.array([2, 3])), True)
            case _:
                raise ExportError(f"layer '{node.name}': no OpenVINO form for '{node.op}'")

    def _weighted(self, layer: Layer, image: Any) -> Any:
        """Sums and bias. A linear layer is a convolution over its whole input.

        OpenVINO's own operator for it gave wrong codes at batch 1 (2026.4, 8-bit gates).
        """
        node, kernel = layer.node, layer.kernel
        codes, scale = int8_weights(layer), kernel.grid.scale
        if node.op == "linear":
            source = self._model.graph.node(node.inputs[0]).shape
            codes = codes.reshape(len(codes), source[0], *(source[1:] or NO_MAP))
        by_channel = scale.reshape(-1, 1, 1, 1) if scale.ndim else scale
        pad = node.kernel // 2 if node.op == "conv" else 0
        if node.groups > 1:
            codes = codes.reshape(node.groups, -1, *codes.shape[1:])
            by_channel = scale.reshape(node.groups, -1, 1, 1, 1) if scale.ndim else scale
        sums = self._convolve(image, codes, scale=by_channel, stride=node.stride, pad=pad)
        step = self._model.grid(node.inputs[0]).scale.astype(np.float64) * scale
        return self._ops.add(sums, self._constant((kernel.bias * step).reshape(1, -1, 1, 1)))

    def _means(self, layer: Layer, image: Any) -> Any:
        """Means of windows as a convolution with ones: its own operator rounds them to codes."""
        node = layer.node
        ones = np.ones((node.shape[0], 1, 1, node.kernel, node.kernel), np.int8)
        scale = np.array(1 / node.kernel**2, np.float32)
        return self._convolve(image, ones, scale=scale, stride=node.stride, pad=0)

    def _convolve(
        self,
        image: Any,
        codes: npt.NDArray[np.int8],
        *,
        scale: npt.NDArray[np.float32],
        stride: int,
        pad: int,
    ) -> Any:
        """A convolution with int8 codes (out, in, h, w), or (groups, out, in, h, w) in groups."""
        ops = self._ops
        real = ops.convert(ops.constant(codes), np.float32)
        weights = ops.multiply(real, self._constant(scale))
        operator = ops.group_convolution if codes.ndim > GROUPLESS else ops.convolution
        return operator(image, weights, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1])

    def _on_grid(self, real: Any, grid: Grid, name: str) -> Any:
        """A layer's real output on its grid."""
        if grid.uneven:
            raise ExportError(
                f"layer '{name}': OpenVINO has no integer form for its activation's uneven levels; "
                "choose a method of even ones, such as 'lsq'"
            )
        ops, scale = self._ops, float(grid.scale.reshape(()))
        low, high, least, most = (
            (code - float(grid.zero_point.reshape(()))) * scale
            for code in (grid.low, grid.high, 0, LEVELS - 1)
        )
        if any(name in node.inputs and node.op == "add" for node in self._model.graph.nodes):
            # A kernel that takes the sum in as well leaves FakeQuantize's rounding out.
            codes = runtime().opset5.round(
                ops.multiply(real, self._constant(1 / scale)), "half_to_even"
            )
            real = ops.multiply(codes, self._constant(scale))
        if (grid.low, grid.high) != (0, LEVELS - 1):
            real = ops.clamp(real, low, high)
        ends = [self._constant(least), self._constant(most)]
        return ops.fake_quantize(real, *ends, *ends, LEVELS)

    def _constant(self, values: npt.ArrayLike) -> Any:
        return self._ops.constant(np.asarray(values, np.float32))
