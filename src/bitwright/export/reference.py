"""The oracle: executes an `IntegerModel` in NumPy exactly as `export.integer` defines it.

Every exporter is judged against it. Sums run through floating-point GEMM in a type that holds the
worst possible sum exactly, so the results are those of integer arithmetic.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export.integer import Array, Grid, IntegerModel, Layer, Rescale
from bitwright.graph import Node

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
AnyInts = npt.NDArray[Any]
Float = type[np.floating[Any]]

BATCH = 64  # images at a time: keeps the patches of a 32x32 network under 100 MB
MAX_SHIFT = 62  # value (< 2**31) x multiplier (< 2**31) < 2**62 in int64
MAX_SHIFTS_APART = 22  # code (< 2**9) x multiplier (< 2**31) x 2**22 < 2**62
INT32_MAX = 2**31 - 1


def run(model: IntegerModel, codes: Codes, *, batch: int = BATCH) -> npt.NDArray[np.float64]:
    """The logits (N, classes) of uint8 input codes (N, C, H, W)."""
    check(model)
    _check_input(model, codes)
    scale = _logit_scale(model)
    parts = [
        _forward(model, codes[at : at + batch])[model.graph.output.name]
        for at in range(0, len(codes), batch)
    ]
    if not parts:
        return np.zeros((0, model.graph.output.shape[0]))
    values = np.concatenate(parts).astype(np.int64)
    last = model.layers[-1].output
    if last is not None:
        values = values - last.zero_point
    return values * scale


def trace(model: IntegerModel, codes: Codes) -> dict[str, Array]:
    """Every layer's output codes (uint8) by layer name; raw logits are the int64 accumulators."""
    check(model)
    _check_input(model, codes)
    return _forward(model, codes)


def check(model: IntegerModel) -> None:
    """Raises ExportError where some image could take a sum out of int32."""
    for layer in model.layers:
        if len(layer.rescales) > 1:
            _check_shifts(layer)
        if layer.node.op not in ("conv", "linear"):
            continue
        worst = worst_sum(model, layer)
        if worst > INT32_MAX:
            raise ExportError(
                f"layer '{layer.node.name}': its sum can reach {worst}, above int32's {INT32_MAX}; "
                "give it fewer inputs, fewer bits, or a larger scale for its bias"
            )


def worst_sum(model: IntegerModel, layer: Layer) -> int:
    """The largest magnitude that a sum of a convolution or linear layer can have."""
    reach = centred_reach(model.grid(layer.node.inputs[0]))
    bias = np.abs(layer.kernel.bias.astype(np.int64))
    sums = np.abs(_centred_weights(layer)).reshape(len(bias), -1).sum(1)
    return int((sums * reach + bias).max())


def centred_reach(grid: Grid) -> int:
    """The largest magnitude of a code less its zero point."""
    zero = grid.zero_point.astype(np.int64)
    return int(max(np.max(grid.high - zero), np.max(zero - grid.low)))


def rescale_for(real: npt.ArrayLike) -> Rescale:
    """The nearest fixed-point form, of 31 significant bits, of positive factors below 2**31."""
    factor = _positive(real)
    mantissa, exponent = np.frexp(factor)
    multiplier = np.rint(np.ldexp(mantissa, 31)).astype(np.int64)
    shift = 31 - exponent.astype(np.int64)
    carried = multiplier == 2**31
    multiplier, shift = np.where(carried, 2**30, multiplier), np.where(carried, shift - 1, shift)
    tiny = shift > MAX_SHIFT  # below 2**-31: every product rounds as its 2**-62 multiple does
    multiplier = np.where(tiny, np.rint(np.ldexp(factor, MAX_SHIFT)), multiplier).astype(np.int64)
    return _rescale(multiplier, np.where(tiny, MAX_SHIFT, shift))


def rescales_for_sum(reals: Sequence[npt.ArrayLike]) -> tuple[Rescale, ...]:
    """The fixed-point forms of a sum's factors, all with the shift of the largest."""
    factors = [_positive(real) for real in reals]
    shift = rescale_for(np.max([factor.max() for factor in factors])).shift
    return tuple(
        _rescale(
            np.rint(np.ldexp(factor, shift)).astype(np.int64), np.broadcast_to(shift, factor.shape)
        )
        for factor in factors
    )


def rescales_of(
    node: Node,
    inputs: Sequence[Grid],
    output: Grid | None,
    *,
    weights: Grid | None = None,
    window: int = 1,
) -> tuple[Rescale, ...]:
    """What brings a layer's exact integers onto its output's grid: its grids alone decide it.

    `window` is how many values an average is taken over.
    """
    if output is None or node.op == "max_pool":
        return ()
    scales = [grid.scale.astype(np.float64) for grid in (*inputs, *([weights] if weights else []))]
    onto = output.scale.astype(np.float64)
    match node.op:
        case "add":
            return rescales_for_sum([scale / onto for scale in scales])
        case "conv" | "linear" | "multiply":
            return (rescale_for(scales[0] * scales[1] / onto),)
        case "average_pool" | "global_average_pool":
            return (rescale_for(scales[0] / window / onto),)
        case _:
            raise ExportError(f"layer '{node.name}': no rule to rescale '{node.op}'")


def round_shift(value: Ints, shift: Ints) -> Ints:
    """``round(value / 2**shift)`` in int64, ties to even; shifts from 0 to 62."""
    # Just under a half is added, and one more where the whole part is odd.
    halves = np.asarray(shift > 0, np.int64)
    below_half = (halves << np.maximum(shift - 1, 0)) - halves
    rounded = np.asarray(value >> shift, np.int64)
    rounded &= halves  # in place: this function takes most of the reference's time
    rounded += value
    rounded += below_half
    rounded >>= shift
    return rounded


def _positive(real: npt.ArrayLike) -> npt.NDArray[np.float64]:
    factor = np.asarray(real, np.float64)
    if not (np.isfinite(factor).all() and (factor > 0).all() and (factor < 2**31 - 1).all()):
        raise ExportError(
            f"rescale factors {factor.min()}..{factor.max()} must be positive and below 2**31; "
            "a scale of the layer is zero, not finite or far from its neighbours'"
        )
    return factor


def _rescale(multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Rescale:
    return Rescale(np.asarray(multiplier, np.int64), np.asarray(shift, np.int64))


def _check_input(model: IntegerModel, codes: Codes) -> None:
    shape = model.graph.input.shape
    if codes.dtype != np.uint8 or codes.shape[1:] != shape:
        raise ExportError(
            f"input codes are {codes.dtype} {codes.shape}; the model takes uint8 (N, "
            f"{', '.join(map(str, shape))})"
        )


def _check_shifts(layer: Layer) -> None:
    shifts = [rescale.shift for rescale in layer.rescales]
    apart = int(np.max(np.max(shifts, 0) - np.min(shifts, 0)))
    if apart > MAX_SHIFTS_APART:
        raise ExportError(
            f"layer '{layer.node.name}': its operands' shifts lie {apart} apart, above "
            f"{MAX_SHIFTS_APART}; make them with rescales_for_sum"
        )


def _logit_scale(model: IntegerModel) -> npt.NDArray[np.float64]:
    last = model.layers[-1]
    if last.output is not None:
        return last.output.scale.astype(np.float64)
    scale = model.grid(last.node.inputs[0]).scale.astype(np.float64)
    return scale * last.kernel.grid.scale.astype(np.float64)


def _forward(model: IntegerModel, codes: Codes) -> dict[str, Array]:
    outputs: dict[str, Array] = {model.graph.input.name: codes}
    for layer in model.layers[1:]:
        name, sources = layer.node.name, layer.node.inputs
        if layer.node.op == "max_pool":
            outputs[name] = _windows(outputs[sources[0]], layer).max((3, 5))
            continue
        values = _values(model, layer, [_centred(outputs[s], model.grid(s)) for s in sources])
        if layer.output is None:
            outputs[name] = values[0]
        else:
            outputs[name] = _requantize(values, layer.rescales, layer.output)
    return outputs


def _centred(codes: Array, grid: Grid) -> npt.NDArray[np.int32]:
    return codes.astype(np.int32) - _channels(grid.zero_point, codes.ndim)


def _values(model: IntegerModel, layer: Layer, inputs: list[npt.NDArray[np.int32]]) -> list[Ints]:
    """The exact integers to be rescaled: one for each operand of an addition, else one."""
    match layer.node.op:
        case "conv":
            return [_convolve(layer, inputs[0], _exact_float(worst_sum(model, layer)))]
        case "linear":
            return [_linear(layer, inputs[0], _exact_float(worst_sum(model, layer)))]
        case "add":
            return [value.astype(np.int64) for value in inputs]
        case "multiply":
            gate = inputs[1].reshape(*inputs[1].shape[:2], 1, 1)
            return [(inputs[0] * gate).astype(np.int64)]
        case "average_pool":
            return [_windows(inputs[0], layer).sum((3, 5), np.int64)]
        case "global_average_pool":
            return [inputs[0].sum((2, 3), np.int64)]
        case _:
            raise ExportError(f"layer '{layer.node.name}': no integer rule for '{layer.node.op}'")


def _convolve(layer: Layer, x: npt.NDArray[np.int32], exact: Float) -> Ints:
    node, (out, per_group, kernel, _) = layer.node, layer.kernel.codes.shape
    pad = kernel // 2
    padded = np.pad(x.astype(exact), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (2, 3))
    patches = patches[:, :, :: node.stride, :: node.stride].transpose(0, 1, 4, 5, 2, 3)
    images, (height, width) = len(x), node.shape[1:]
    columns = patches.reshape(images, node.groups, per_group * kernel * kernel, height * width)
    weights = _centred_weights(layer).astype(exact).reshape(node.groups, out // node.groups, -1)
    sums = np.matmul(weights, columns).reshape(images, out, height, width).astype(np.int64)
    return np.asarray(sums + _channels(layer.kernel.bias, sums.ndim), np.int64)


def _linear(layer: Layer, x: npt.NDArray[np.int32], exact: Float) -> Ints:
    weights = _centred_weights(layer).astype(exact)
    sums = np.matmul(x.reshape(len(x), -1).astype(exact), weights.T).astype(np.int64)
    return np.asarray(sums + layer.kernel.bias, np.int64)


def _exact_float(worst: int) -> Float:
    """The floating-point type that holds every whole number up to `worst`: GEMM in it is exact."""
    return np.float32 if worst < 2**24 else np.float64


def _centred_weights(layer: Layer) -> Ints:
    codes, zero = layer.kernel.codes, layer.kernel.grid.zero_point.astype(np.int64)
    return codes - zero.reshape(-1, *[1] * (codes.ndim - 1))


def _windows(x: AnyInts, layer: Layer) -> AnyInts:
    size, (channels, height, width) = layer.node.kernel, layer.node.shape
    cropped = x[:, :, : height * size, : width * size]
    return cropped.reshape(len(x), channels, height, size, width, size)


def _requantize(values: list[Ints], rescales: tuple[Rescale, ...], grid: Grid) -> Codes:
    code = rescaled(values, rescales)
    code += _channels(grid.zero_point, code.ndim)
    return grid.on_level(np.clip(code, grid.low, grid.high, out=code), axis=1).astype(np.uint8)


def rescaled(values: Sequence[Ints], rescales: Sequence[Rescale]) -> Ints:
    """Exact integers, one array for each operand, brought onto a grid and rounded once."""
    rank = values[0].ndim
    shift: Ints = np.max([rescale.shift for rescale in rescales], 0)
    total = np.zeros((), np.int64)
    for value, rescale in zip(values, rescales, strict=True):
        multiplier = rescale.multiplier << (shift - rescale.shift)
        total = total + value * _channels(multiplier, rank)
    return round_shift(total, _channels(shift, rank))


def _channels(numbers: AnyInts, rank: int) -> AnyInts:
    """Numbers of shape () or (C,), shaped to meet axis 1 of an array of that rank."""
    return numbers.reshape(-1, *[1] * (rank - 2)) if numbers.ndim else numbers
