"""Integer models with random numbers for any graph, to test exporters and targets with."""

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Grid, IntegerModel, Layer
from bitwright.export.reference import rescales_of, trace
from bitwright.graph import Graph, Node
from bitwright.quant.grids import code_range, gate_method
from bitwright.quant.names import traits_of
from bitwright.quant.spec import Method

SPREAD = 2.5  # a grid's half range, in root mean squares of what falls on it: few codes saturate
NARROW_SPREAD = 1.3  # the same for grids of 1 and 2 bits, lest all codes round to zero
DEAD = 0.5  # code steps taken for the spread of an input without any


def random_images(graph: Graph, count: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Random pixels (count, C, H, W) for the graph's input."""
    return rng.integers(0, 256, (count, *graph.input.shape), np.uint8)


def random_model(graph: Graph, rng: np.random.Generator) -> IntegerModel:
    """A model of that graph with random weights, whose activations fill their grids."""
    images = random_images(graph, 2, rng)
    source = graph.input
    assert source.activation is not None
    scale = _snapped(1 / 255, source.activation)
    layers = [Layer(source, _grid(scale, rng.integers(0, 200), 8, (0, 255)))]
    for at, node in enumerate(graph.nodes[1:], 1):
        so_far = IntegerModel(Graph(graph.nodes[:at]), tuple(layers))
        codes = trace(so_far, images)
        centred = [
            codes[name].astype(np.float64) - so_far.grid(name).zero_point for name in node.inputs
        ]
        layers.append(_layer(so_far, node, centred, rng))
    return IntegerModel(graph, tuple(layers))


def assert_same_model(wanted: IntegerModel, found: IntegerModel) -> None:
    """AssertionError where a number of a model that was read back differs from what was written.

    Levels of single channels are compared as far as weights use them (`export.onnx_reader`).
    """
    assert found.graph == wanted.graph, "the layers differ"
    for want, got in zip(wanted.layers, found.layers, strict=True):
        name = want.node.name
        _assert_same_grid(f"{name}: output", want.output, got.output)
        for a, b in zip(want.rescales, got.rescales, strict=True):
            _assert_equal(f"{name}: multiplier", a.multiplier, b.multiplier)
            _assert_equal(f"{name}: shift", a.shift, b.shift)
        assert (want.codes is None) == (got.codes is None), f"{name}: weights"
        if want.codes is None:
            continue
        _assert_equal(f"{name}: codes", want.kernel.codes, got.kernel.codes)
        _assert_equal(f"{name}: bias", want.kernel.bias, got.kernel.bias)
        rows = want.kernel.codes.reshape(len(want.kernel.codes), -1)
        _assert_same_grid(f"{name}: weights", want.kernel.grid, got.kernel.grid, rows)


def _assert_same_grid(
    place: str, want: Grid | None, got: Grid | None, rows: npt.NDArray[np.int8] | None = None
) -> None:
    assert (want is None) == (got is None), place
    if want is None or got is None:
        return
    assert (got.bits, got.low, got.high) == (want.bits, want.low, want.high), place
    _assert_equal(f"{place}: scale", want.scale, got.scale)
    _assert_equal(f"{place}: zero point", want.zero_point, got.zero_point)
    assert (want.levels is None) == (got.levels is None), f"{place}: levels"
    if want.levels is None or got.levels is None:
        return
    if rows is None or want.levels.ndim == 1:
        _assert_equal(f"{place}: levels", want.levels, got.levels)
        return
    assert got.levels.shape == want.levels.shape, f"{place}: levels"
    for codes, declared, there in zip(rows, want.levels, got.levels, strict=True):
        assert set(codes) <= set(there) <= set(declared), f"{place}: levels"


def _assert_equal(place: str, want: npt.NDArray[Any], got: npt.NDArray[Any]) -> None:
    assert np.asarray(got).dtype == np.asarray(want).dtype, place
    assert np.shape(got) == np.shape(want) and np.array_equal(got, want), place


def _layer(
    model: IntegerModel, node: Node, inputs: list[npt.NDArray[Any]], rng: np.random.Generator
) -> Layer:
    """The layer with random weights; `inputs` are samples of its inputs' centred codes."""
    rms = [float(np.sqrt(np.mean(values**2))) + DEAD for values in inputs]
    grids = [model.grid(name) for name in node.inputs]
    scales = [grid.scale.astype(np.float64) for grid in grids]
    match node.op:
        case "conv" | "linear":
            return _weighted_layer(model, node, inputs[0], rng)
        case "max_pool":
            return Layer(node, grids[0])
        case "add":
            real = math.hypot(*(r * float(s) for r, s in zip(rms, scales, strict=True)))
            output = _output(node, real, rng)
            return Layer(node, output, rescales=rescales_of(node, grids, output))
        case "multiply":
            output = _output(node, rms[0] * rms[1] * float(scales[0] * scales[1]), rng)
            return Layer(node, output, rescales=rescales_of(node, grids, output))
        case _:  # the two averages
            height, width = model.graph.node(node.inputs[0]).shape[1:]
            area = node.kernel**2 if node.op == "average_pool" else height * width
            # A step at least: files whose means are rescaled by 256 or more cannot be written.
            output = _output(node, max(rms[0], 1.0) * float(scales[0]), rng)
            return Layer(node, output, rescales=rescales_of(node, grids, output, window=area))


def _weighted_layer(
    model: IntegerModel, node: Node, inputs: npt.NDArray[Any], rng: np.random.Generator
) -> Layer:
    assert node.weight is not None
    shape = model.graph.weight_shape(node)
    grid = _weight_grid(node.weight, shape[0], rng)
    codes = grid.on_level(rng.integers(grid.low, grid.high + 1, shape))
    centred = codes - grid.zero_point.reshape(-1, *[1] * (len(shape) - 1))
    spread = float(np.sqrt(np.mean(centred**2.0))) * math.sqrt(math.prod(shape[1:]))
    rms_sum = spread * float(inputs.std()) + 1e-3
    # As batch norm would have it: the sums' mean is taken out, so that no layer dies.
    mean_sums = centred.reshape(shape[0], -1).sum(1) * inputs.mean()
    bias = np.rint(rng.normal(0, rms_sum / 3, shape[0]) - mean_sums).astype(np.int32)
    product = model.grid(node.inputs[0]).scale.astype(np.float64) * grid.scale
    kernel = (codes.astype(np.int8), grid, bias)
    if node.activation is None:
        return Layer(node, None, *kernel)
    output = _output(node, rms_sum * float(product.mean()), rng)
    source = model.grid(node.inputs[0])
    return Layer(node, output, *kernel, rescales_of(node, [source], output, weights=grid))


def _weight_grid(method: Method, channels: int, rng: np.random.Generator) -> Grid:
    codes = code_range(method, "weight", signed=True)
    shape = (channels,) if method.per_channel else ()
    scale = _snapped(rng.uniform(0.5, 1.5, shape) * 0.2 / 2**method.bits, method)
    affine = method.transform == "affine"
    zero = rng.integers(codes.low, codes.high + 1, shape) if affine else np.zeros(shape)
    levels = None if codes.levels is None else np.array(codes.levels, np.int32)
    if traits_of(method.transform).levels == "learned":
        drawn = rng.integers(codes.low, codes.high + 1, (*shape, 2**method.bits))
        levels = np.sort(drawn, axis=-1).astype(np.int32)
    grid = _grid(scale, zero, method.bits, (codes.low, codes.high))
    return dataclasses.replace(grid, levels=levels)


def _output(node: Node, real_rms: float, rng: np.random.Generator) -> Grid:
    assert node.activation is not None
    method = gate_method(node.activation) if node.gate else node.activation
    codes = code_range(method, "activation", signed=node.signed)
    ends = (codes.low, codes.high)
    if node.gate:
        return _grid(1 / codes.high, 0, method.bits, ends)
    half_range = max((codes.high - codes.low) / (2 if node.signed else 1), 1)
    spread = SPREAD if node.activation.bits > 2 else NARROW_SPREAD
    scale = _snapped(real_rms * spread / half_range * rng.uniform(0.8, 1.2), node.activation)
    grid = _grid(scale, codes.zero_point, node.activation.bits, ends)
    levels = None if codes.levels is None else np.array(codes.levels, np.int32)
    return dataclasses.replace(grid, levels=levels)


def _snapped(scale: npt.ArrayLike, method: Method) -> npt.ArrayLike:
    """Scales as the method allows them; powers of two make exact ties common."""
    if method.transform == "power_of_two":
        return np.exp2(np.rint(np.log2(scale)))
    return scale


def _grid(scale: npt.ArrayLike, zero: npt.ArrayLike, bits: int, ends: tuple[int, int]) -> Grid:
    return Grid(np.asarray(scale, np.float32), np.asarray(zero, np.int32), bits, *ends)
