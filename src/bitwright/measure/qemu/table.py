"""A network's instructions as the sum over its layers, each kind of layer measured once and kept.

A layer's instructions depend on its shape, on its methods and on how many rows it takes at a time,
hardly on its numbers. So one of that kind with random numbers is run alone, and the sum foretells
the instructions of a network that was never trained. Its flash and RAM are known but for the code.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs

from bitwright.export.c.compiling import compile_with, kernels_digest
from bitwright.export.c.cores import Core
from bitwright.export.c.memory import memory_of
from bitwright.export.c.model_source import write_model
from bitwright.graph import Graph, Node
from bitwright.measure.kept import store, stored
from bitwright.measure.qemu.emulator import (
    COMPILER,
    FLAGS,
    Sizes,
    check_installed,
    run,
    sizes,
)
from bitwright.measure.qemu.stand_in import ITSELF, alone, stand_in

CALL = 16  # bytes of code that a layer's call takes


class Table:
    """What layers cost on a core: measured when first asked for, kept in a file.

    The file is of these kernels and this compiler; without a compiler its path must be given. Safe
    to share between processes: what another has found meanwhile is kept.
    """

    def __init__(self, core: Core, *, path: Path | None = None) -> None:
        self._core = core
        self._path = path or _kept(core)
        self._costs: dict[str, int] = stored(self._path)

    def __len__(self) -> int:
        return len(self._costs)

    def instructions(self, graph: Graph) -> int:
        """The instructions of one image, as the sum over layers."""
        rows = memory_of(graph).rows
        return sum(self.layer(graph, node, rows) for node in graph.nodes[1:])

    def layer(self, graph: Graph, node: Node, rows: Mapping[str, int]) -> int:
        """The instructions of one layer of a network whose convolutions take `rows` at a time."""
        key = _key(graph, node, rows)
        if key not in self._costs:
            self._keep({key: _measured(graph, node, self._core, rows)})
        return self._costs[key]

    def sizes(self, graph: Graph) -> Sizes:
        """Flash and RAM of the linked program: constants and maps, and what was linked besides.

        What the same kernels take besides is measured once.
        """
        model = stand_in(graph)
        source = write_model(model, {})
        own = Sizes(source.data_bytes + CALL * (len(graph.nodes) - 1), source.arena.size_bytes)
        flash, ram = (f"{part} of {' '.join(source.functions)}" for part in ("flash", "ram"))
        if flash not in self._costs or ram not in self._costs:
            found = sizes(model, self._core)
            besides = found.flash_bytes - own.flash_bytes, found.ram_bytes - own.ram_bytes
            self._keep(dict(zip((flash, ram), besides, strict=True)))
        return Sizes(own.flash_bytes + self._costs[flash], own.ram_bytes + self._costs[ram])

    def _keep(self, found: Mapping[str, int]) -> None:
        self._costs = {**found, **self._costs, **stored(self._path)}
        store(self._path, self._costs)


def _kept(core: Core) -> Path:
    """Where the table of the kernels as they stand, compiled as here, is kept."""
    check_installed()
    about = kernels_digest() + compile_with(COMPILER, "--version") + " ".join(FLAGS)
    name = f"layers-{core.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}.json"
    return Path(platformdirs.user_cache_dir("bitwright")) / name


def _key(graph: Graph, node: Node, rows: Mapping[str, int]) -> str:
    """All that a layer's instructions depend on, as text."""
    sources = [graph.node(name) for name in node.inputs]
    about: list[object] = [node.op, node.shape, node.kernel, node.stride, node.groups, node.gate]
    about += [node.signed, str(node.weight), str(node.activation), rows.get(node.name)]
    about += [node.batch_norm]
    about += [(source.shape, str(source.activation), source.gate) for source in sources]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]


def _measured(graph: Graph, node: Node, core: Core, rows: Mapping[str, int]) -> int:
    """The layer alone, between random inputs and its output."""
    own, before = alone(graph, node)
    shape = (1, *own.input.shape)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    at_once = {ITSELF: rows[node.name]} if node.name in rows else {}
    found = run(stand_in(own), core, image, observed=True, rows=at_once).layers
    assert found is not None  # it was observed
    return int(found[0, before])
