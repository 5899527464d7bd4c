"""`model.h` and `model.c` of a network: its numbers, its arena, and its layers in their order."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bitwright.errors import ExportError
from bitwright.export import reference
from bitwright.export.c.arena import ALIGNMENT, Plan
from bitwright.export.c.literals import array, comment, structure
from bitwright.export.c.memory import LOGITS, is_depthwise, memory_of, scratch_name
from bitwright.export.c.rescales import CRescale, conv_rescale_of, grid_of, rescale_of, sum_of
from bitwright.export.c.weights import StoredWeights, store
from bitwright.export.integer import IntegerModel, Layer
from bitwright.graph import Node

OVERREAD = 4  # bytes behind a map that kernels may read, and ignore
LARGEST_SIDE = 2**16 - 1  # of a map, in any direction, as the kernels count
LARGEST_KERNEL = 255
LOGIT_BITS = 30  # of the factors that bring logits with steps of their own onto one step
WORDS = "__attribute__((aligned(4)))"
STRUCTURES = {"conv": 68, "linear": 52, "add": 32, "multiply": 24, "pool": 32}  # bytes, of 32 bits


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """The text of `model.h` and `model.c`, the kernels' files that they need, and the arena.

    `functions` are the kernels' functions that the network names, `data_bytes` all its constants.
    """

    header: str
    code: str
    kernels: tuple[str, ...]
    functions: tuple[str, ...]
    arena: Plan
    data_bytes: int


def write_model(
    model: IntegerModel, metadata: Mapping[str, str], *, rows: Mapping[str, int] | None = None
) -> Source:
    """The sources of a network; ExportError where the kernels cannot compute it exactly.

    `rows` says how many rows convolutions take at a time, by layer, instead of `memory_of`.
    """
    reference.check(model)
    return _Writer(model, rows).source(metadata)


class _Writer:
    """Collects data, structures and calls, one layer after the other."""

    def __init__(self, model: IntegerModel, rows: Mapping[str, int] | None) -> None:
        self._model = model
        self._memory = memory_of(model.graph, rows)
        self._data: list[str] = []
        self._calls: list[str] = []
        self._kernels: set[str] = set()
        self._functions: set[str] = set()
        self._data_bytes = 0
        self._level_names: dict[bytes, str] = {}
        self._places = self._memory.plan.offsets

    def source(self, metadata: Mapping[str, str]) -> Source:
        """Everything of the network."""
        layers = self._model.layers
        for layer in layers:
            _check_size(layer.node)
        parts = [self._layer(at, layer) for at, layer in enumerate(layers[1:], 1)]
        arena = self._memory.plan
        for at, (layer, call) in enumerate(zip(layers[1:], parts, strict=True), 1):
            self._calls.append(f"    {call.format(*self._arguments(layer))}")
            self._calls.append(f"    OBSERVE({at}, {self._at(layer.node.name)});")
        if layers[-1].output is not None:
            self._calls += self._centred_logits(layers[-1])
        about = [comment(f"{key}: {value}") for key, value in sorted(metadata.items())]
        return Source(
            _header(self._model, arena, about),
            self._code(arena, about),
            tuple(sorted(self._kernels)),
            tuple(sorted(self._functions)),
            arena,
            self._data_bytes,
        )

    def _layer(self, at: int, layer: Layer) -> str:
        """Writes the layer's data; returns its call, with places for what lies in the arena."""
        node = layer.node
        self._data.append(comment(f"{node.name}: {node.op} to {node.shape}"))
        match node.op:
            case "conv":
                return self._conv(at, layer)
            case "linear":
                return self._linear(at, layer)
            case "add":
                return self._add(at, layer)
            case "multiply":
                return self._multiply(at, layer)
            case "max_pool":
                return self._pool(at, layer, "max_pool", (node.kernel, node.kernel))
            case "average_pool":
                return self._pool(at, layer, "average_pool", (node.kernel, node.kernel))
            case "global_average_pool":
                return self._pool(at, layer, "average_pool", self._shape(node.inputs[0])[1:])
            case _:
                raise ExportError(f"layer '{node.name}': no C kernel for '{node.op}'")

    def _conv(self, at: int, layer: Layer) -> str:
        node, (channels, height, width) = layer.node, self._shape(layer.node.inputs[0])
        out_channels, out_height, out_width = node.shape
        depthwise = is_depthwise(node, channels)
        stored = stored_weights(layer, (channels, height, width))
        fields = {
            "weights": self._weights(at, stored),
            "decode": self._decoder(stored),
            "bias": self._bias(at, layer),
            "rescale": self._rescale(at, layer),
            **{"height": height, "width": width, "channels": channels},
            **{"out_height": out_height, "out_width": out_width, "out_channels": out_channels},
            **{"groups": node.groups, "rows": self._memory.rows[node.name]},
            **{"kernel": node.kernel, "stride": node.stride},
            "zero_point": self._zero(node.inputs[0]),
        }
        name = ("depthwise", _depthwise(node)) if depthwise else ("conv", "convolve")
        return self._call("conv", at, fields, name, "{0}, {1}, {2}")

    def _linear(self, at: int, layer: Layer) -> str:
        shape = self._shape(layer.node.inputs[0])
        outputs, inputs = layer.kernel.codes.shape
        stored = stored_weights(layer, shape)
        fields: dict[str, object] = {
            "weights": self._weights(at, stored),
            "bias": self._bias(at, layer),
        }
        if layer.output is not None:
            fields["rescale"] = self._rescale(at, layer)
        elif layer is not self._model.layers[-1]:
            grid_of(layer)  # says what is wrong
        fields |= {"inputs": inputs, "outputs": outputs}
        if stored.form == "table":
            self._decoder(stored)
        name = ("linear", f"linear_{stored.form}")
        return self._call("linear", at, fields, name, "{0}, {1}, {2}")

    def _add(self, at: int, layer: Layer) -> str:
        node, found = layer.node, sum_of(layer)
        fields: dict[str, object] = {}
        for side, name, multiplier, left in zip(
            "ab", node.inputs, found.multipliers, found.lefts, strict=True
        ):
            fields |= {
                f"multiplier_{side}": multiplier,
                f"left_{side}": left,
                f"zero_{side}": self._zero(name),
            }
        fields |= {"rescale": self._ends(at, found.rescale), "count": math.prod(node.shape)}
        return self._call("add", at, fields, ("sum", "sum"), "{0}, {1}, {2}")

    def _multiply(self, at: int, layer: Layer) -> str:
        node = layer.node
        source, gate = node.inputs
        fields = {
            "rescale": self._rescale(at, layer),
            "pixels": math.prod(node.shape[1:]),
            "channels": node.shape[0],
            "zero_point": self._zero(source),
            "gate_zero_point": self._zero(gate),
        }
        return self._call("multiply", at, fields, ("product", "product"), "{0}, {1}, {2}")

    def _pool(self, at: int, layer: Layer, kernel: str, window: tuple[int, ...]) -> str:
        node, (channels, _, width) = layer.node, self._shape(layer.node.inputs[0])
        height, wide = node.shape[1:] if len(node.shape) > 1 else (1, 1)
        fields: dict[str, object] = {}
        if kernel == "average_pool":
            fields["rescale"] = self._rescale(at, layer)
            fields["zero_point"] = self._zero(node.inputs[0])
        fields |= {"width": width, "channels": channels, "out_height": height, "out_width": wide}
        fields |= {"window_height": window[0], "window_width": window[1]}
        return self._call("pool", at, fields, (kernel, kernel), "{0}, {1}")

    def _call(
        self,
        kind: str,
        at: int,
        fields: Mapping[str, object],
        kernel: tuple[str, str],
        arguments: str,
    ) -> str:
        """Writes the layer's structure; the call of a kernel, named by its file and function."""
        file, function = kernel
        self._data.append(structure(f"bw_{kind}", f"layer_{at}", fields))
        self._kernels.add(file)
        self._functions.add(function)
        self._data_bytes += STRUCTURES[kind]
        return f"bw_{function}(&layer_{at}, {arguments});"

    def _decoder(self, stored: StoredWeights) -> str:
        self._kernels.add("decode")
        self._functions.add(f"decode_{stored.form}")
        return f"bw_decode_{stored.form}"

    def _array(self, name: str, values: npt.NDArray[np.integer], *, shape: str = "") -> None:
        self._data.append(array(name, values, shape=shape))
        self._data_bytes += -(-values.nbytes // ALIGNMENT) * ALIGNMENT

    def _weights(self, at: int, stored: StoredWeights) -> dict[str, object]:
        data = np.frombuffer(stored.data, np.uint8)
        self._array(f"weights_{at}", data, shape=f"[{data.size}] {WORDS}")
        fields: dict[str, object] = {"fields": f"weights_{at}"}
        if stored.table is not None:
            self._array(f"table_{at}", stored.table.reshape(-1))
            fields["table"] = f"table_{at}"
        if (stored.offsets == stored.offsets[0]).all():
            fields["offset"] = int(stored.offsets[0])
        else:
            self._array(f"offsets_{at}", stored.offsets)
            fields["offsets"] = f"offsets_{at}"
        more = {"gap": stored.gap, "bits": stored.bits, "table_step": stored.table_step}
        return fields | {"rest": stored.rest} | more

    def _bias(self, at: int, layer: Layer) -> str:
        """The bias less what the input's zero point adds to each row's sum; modulo 2**32."""
        kernel = layer.kernel
        zero = kernel.grid.zero_point.reshape(-1, *[1] * (kernel.codes.ndim - 1))
        rows = (kernel.codes.astype(np.int64) - zero).reshape(len(kernel.codes), -1).sum(1)
        bias = kernel.bias.astype(np.int64) - self._zero(layer.node.inputs[0]) * rows
        wrapped = (bias & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
        self._array(f"bias_{at}", wrapped)
        return f"bias_{at}"

    def _rescale(self, at: int, layer: Layer) -> dict[str, object]:
        """The rescale of a layer with one operand; one for all channels if it has no weights."""
        if layer.node.op == "conv":
            worst = reference.worst_sum(self._model, layer)
            return self._ends(at, conv_rescale_of(layer, worst))
        rescale = rescale_of(layer)
        if layer.codes is None and rescale.multiplier.size > 1:
            raise ExportError(
                f"layer '{layer.node.name}' ({layer.node.op}): a multiplier for each channel; the "
                "C kernel takes one"
            )
        return self._ends(at, rescale)

    def _ends(self, at: int, rescale: CRescale) -> dict[str, object]:
        self._kernels.add("codes")
        self._array(f"multiplier_{at}", rescale.multiplier)
        self._array(f"shift_{at}", rescale.shift)
        fields: dict[str, object] = {"multiplier": f"multiplier_{at}", "shift": f"shift_{at}"}
        if rescale.levels is not None:
            fields["levels"] = self._levels(rescale.levels)
        step = int(rescale.multiplier.size > 1)
        return fields | {
            "channel_step": step,
            "zero_point": rescale.zero_point,
            "high": rescale.high,
        }

    def _levels(self, levels: npt.NDArray[np.uint8]) -> str:
        """The name of a table of levels; layers with the same one share it."""
        key = levels.tobytes()
        if key not in self._level_names:
            self._level_names[key] = f"levels_{len(self._level_names)}"
            self._array(self._level_names[key], levels)
        return self._level_names[key]

    def _zero(self, name: str) -> int:
        return int(grid_of(self._model.layer(name)).zero_point.flat[0])

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._model.graph.node(name).shape

    def _at(self, name: str) -> str:
        return f"at + {self._places[name]}"

    def _arguments(self, layer: Layer) -> list[str]:
        """Where inputs, output and scratch lie."""
        node = layer.node
        names = [*node.inputs, node.name]
        if node.op in ("conv", "linear"):
            names.append(scratch_name(node))
        return [self._at(name) for name in names]

    def _centred_logits(self, layer: Layer) -> list[str]:
        """The last layer's codes less their zero point, as logits."""
        zero, count = int(grid_of(layer).zero_point.flat[0]), math.prod(layer.node.shape)
        return [
            f"    logits = (int32_t *)(void *)({self._at(LOGITS)});",
            f"    for (i = 0; i < {count}; i++) {{",
            f"        logits[i] = ({self._at(layer.node.name)})[i] - {zero};",
            "    }",
        ]

    def _code(self, arena: Plan, about: list[str]) -> str:
        model = self._model
        raw = model.layers[-1].output is None
        logits = self._at(model.graph.output.name if raw else LOGITS)
        return "\n".join(
            [
                *about,
                '#include "model.h"',
                "",
                '#include "bitwright.h"',
                "",
                OBSERVER,
                "",
                *self._data,
                "",
                f"static uint8_t arena[{arena.size_bytes + OVERREAD}] __attribute__((aligned(8)));",
                "",
                "uint8_t *model_input(void)",
                "{",
                f"    return arena + {self._places[model.graph.input.name]};",
                "}",
                "",
                "const int32_t *model_run(void)",
                "{",
                "    uint8_t *const at = arena;",
                *([] if raw else ["    int32_t *logits;", "    int i;"]),
                *self._calls,
                f"    return (const int32_t *)(const void *)({logits});",
                "}",
                "",
                *_class_of(model),
                "",
            ]
        )


def logit_steps(model: IntegerModel) -> npt.NDArray[np.float64]:
    """What a logit of 1 is worth: () where all have one step, or (classes,)."""
    last = model.layers[-1]
    if last.output is not None:
        return last.output.scale.astype(np.float64)
    scale = model.grid(last.node.inputs[0]).scale.astype(np.float64)
    return np.asarray(scale * last.kernel.grid.scale.astype(np.float64))


def _class_of(model: IntegerModel) -> list[str]:
    """The function that finds the largest logit, each weighted with its step."""
    steps, weight = logit_steps(model), ""
    lines: list[str] = []
    if steps.ndim:
        weights = np.rint(steps / steps.max() * 2**LOGIT_BITS).astype(np.int32)
        lines += [array("logit_steps", weights), ""]
        weight = " * logit_steps[i]"
    return [
        *lines,
        "int model_class(const int32_t *logits)",
        "{",
        "    int64_t most = (-0x7FFFFFFFFFFFFFFF - 1);",
        "    int i, found = 0;",
        "    for (i = 0; i < MODEL_OUTPUTS; i++) {",
        f"        int64_t logit = (int64_t)logits[i]{weight};",
        "        if (logit > most) {",
        "            most = logit;",
        "            found = i;",
        "        }",
        "    }",
        "    return found;",
        "}",
    ]


OBSERVER = """#ifdef MODEL_OBSERVED
void (*model_observer)(int layer, const void *values);
#define OBSERVE(layer, values) (model_observer ? model_observer(layer, values) : (void)0)
#else
#define OBSERVE(layer, values) (void)0
#endif"""


def _header(model: IntegerModel, arena: Plan, about: list[str]) -> str:
    channels, height, width = model.graph.input.shape
    return f"""{chr(10).join([*about, ""]) if about else ""}#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_HEIGHT {height}
#define MODEL_WIDTH {width}
#define MODEL_CHANNELS {channels}
#define MODEL_INPUTS {height * width * channels}
#define MODEL_OUTPUTS {math.prod(model.graph.output.shape)}
#define MODEL_LAYERS {len(model.layers)}
#define MODEL_ARENA_BYTES {arena.size_bytes + OVERREAD}

/* Where to write an image: MODEL_INPUTS raw pixels, (height, width, channels). The network works in
 * the same memory, so the image is gone after a run. */
uint8_t *model_input(void);

/* Runs the network on what lies at model_input(). Returns MODEL_OUTPUTS logits, as whole numbers of
 * steps (README.md says how large a step is). They stay until the next image is written. */
const int32_t *model_run(void);

/* The class that logits name: the number of the largest, in its step. */
int model_class(const int32_t *logits);

#ifdef MODEL_OBSERVED
/* Is told every layer's output, by number from 1: codes (uint8_t) channels last, or raw logits. */
extern void (*model_observer)(int layer, const void *values);
#endif

#endif
"""


def _depthwise(node: Node) -> str:
    """The kernel of a depthwise convolution."""
    if node.kernel == 3 and node.stride <= 2:
        return "depthwise_3x3" if node.stride == 1 else "depthwise_3x3_half"
    return "depthwise_any"


def stored_weights(layer: Layer, shape: tuple[int, ...]) -> StoredWeights:
    """The weights of a layer whose input has that shape, in the order of the input in memory."""
    kernel = layer.kernel
    if layer.node.op == "conv":
        return store(kernel, order=(0, 2, 3, 1))
    if len(shape) == 1:
        return store(kernel, order=(0, 1))
    codes = kernel.codes.reshape(len(kernel.codes), *shape)
    return store(dataclasses.replace(kernel, codes=codes), order=(0, 2, 3, 1))


def _check_size(node: Node) -> None:
    if max(node.shape[1:], default=0) > LARGEST_SIDE or node.kernel > LARGEST_KERNEL:
        raise ExportError(
            f"layer '{node.name}': a map of {node.shape} or a kernel of {node.kernel} is beyond "
            f"what the C kernels count to ({LARGEST_SIDE}, {LARGEST_KERNEL})"
        )
