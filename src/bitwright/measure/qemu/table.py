"""A network's instructions as the sum over its layers, each kind of layer measured once and kept.

A layer's instructions depend on its shape, on how its weights are stored and on how its codes are
cut off, hardly on its numbers. So one of that kind with random numbers is run alone, and the sum
tells a network's instructions without running it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs

from bitwright.export.c.compiling import compile_with, kernels_digest
from bitwright.export.c.cores import Core
from bitwright.export.c.memory import memory_of
from bitwright.export.c.model_source import stored_weights
from bitwright.export.c.rescales import careful, conv_rescale_of
from bitwright.export.integer import IntegerModel, Layer
from bitwright.export.reference import worst_sum
from bitwright.graph import Graph, Node
from bitwright.measure.qemu.emulator import COMPILER, FLAGS, check_installed, run

ALONE, ITSELF = "input", "layer"


class Table:
    """What layers cost on a core: measured when first asked for, kept in a file.

    The file is of these kernels and this compiler; without a compiler its path must be given. Safe
    to share between processes: each keeps what it found, and the last to write wins.
    """

    def __init__(self, core: Core, *, path: Path | None = None) -> None:
        self._core = core
        self._path = path or _kept(core)
        self._costs: dict[str, int] = {}
        if self._path.exists():
            self._costs = json.loads(self._path.read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self._costs)

    def instructions(self, model: IntegerModel) -> int:
        """The instructions of one image, as the sum over layers."""
        rows = memory_of(model).rows
        return sum(self.layer(model, layer, rows) for layer in model.layers[1:])

    def layer(self, model: IntegerModel, layer: Layer, rows: Mapping[str, int]) -> int:
        """The instructions of one layer of a model whose convolutions take `rows` at a time."""
        key = _key(model, layer, rows)
        if key not in self._costs:
            self._costs[key] = _measured(model, layer, self._core, rows)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            whole = json.dumps(self._costs, indent=0, sort_keys=True)
            written = self._path.with_suffix(f".{os.getpid()}")
            written.write_text(whole, encoding="utf-8")
            written.replace(self._path)
        return self._costs[key]


def _kept(core: Core) -> Path:
    """Where the table of the kernels as they stand, compiled as here, is kept."""
    check_installed()
    about = kernels_digest() + compile_with(COMPILER, "--version") + " ".join(FLAGS)
    name = f"layers-{core.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}.json"
    return Path(platformdirs.user_cache_dir("bitwright")) / name


def _key(model: IntegerModel, layer: Layer, rows: Mapping[str, int]) -> str:
    """All that a layer's instructions depend on, as text."""
    node = layer.node
    shapes = [model.graph.node(name).shape for name in node.inputs]
    about: list[object] = [node.op, shapes, node.shape, node.kernel, node.stride, node.groups]
    if layer.codes is not None:
        stored = stored_weights(layer, shapes[0])
        by_row = bool(np.ptp(stored.offsets))
        about += [stored.form, stored.bits, by_row, stored.gap == 1, rows.get(node.name)]
    if node.op == "conv":
        about.append(careful(conv_rescale_of(layer, worst_sum(model, layer))))
    if layer.output is not None and node.op != "max_pool":
        about += [layer.output.high, layer.output.levels is not None, layer.output.low]
        about += [int(rescale.shift.min()) < 33 for rescale in layer.rescales]  # moved left first
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]


def _measured(model: IntegerModel, layer: Layer, core: Core, rows: Mapping[str, int]) -> int:
    """The layer alone, between random inputs and its output."""
    own = {ITSELF: rows[layer.node.name]} if layer.node.name in rows else {}
    alone, before = _alone(model, layer)
    shape = (1, *alone.graph.input.shape)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = run(alone, core, image, observed=True, rows=own).layers
    assert found is not None  # it was observed
    return int(found[0, before])


def _alone(model: IntegerModel, layer: Layer) -> tuple[IntegerModel, int]:
    """A network of the layer and what makes its inputs; and how many layers come before it.

    Inputs are an image of their shape, brought there by nothing else: a vector lies in memory as a
    map of one pixel does, and a gate is the mean of the map that it scales.
    """
    node, sources = layer.node, [model.graph.node(name) for name in layer.node.inputs]
    grid = model.grid(sources[0].name)
    shape = (*sources[0].shape, 1, 1)[:3]
    first = Node(ALONE, "input", (), shape, ALONE, signed=True)
    nodes, layers = [first], [Layer(first, grid)]
    names = [ALONE] * len(sources)
    if node.op == "multiply":
        mean = Node("gate", "global_average_pool", (ALONE,), shape[:1], ALONE)
        nodes.append(mean)
        layers.append(Layer(mean, model.grid(sources[1].name), rescales=layer.rescales))
        names[1] = mean.name
    inputs = {"inputs": tuple(names), "name": ITSELF}
    own = Node(**{field: getattr(node, field) for field in Node.__slots__} | inputs)
    nodes.append(own)
    parts = (layer.output, layer.codes, layer.weights, layer.bias, layer.rescales)
    layers.append(Layer(own, *parts))
    return IntegerModel(Graph(tuple(nodes)), tuple(layers)), len(layers) - 2
