"""A network's latency in ONNX Runtime as a sum over its layers, each kind of layer timed once.

What is foretold is a line over that sum, as a run costs something in any case; the line is fitted
to a few whole networks of this module. It screens candidates and rules out such as are far over a
limit; what is reported is always measured.

The machine need not be quiet: every time is told as a multiple of a reference network's, timed
right before and after, and of several rounds those count in which these two agree best.
"""

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import platformdirs

from bitwright import processor
from bitwright.export.widths import widths
from bitwright.graph import Graph, GraphBuilder, Shape
from bitwright.measure.alone import EIGHT, Kind, nothing, stand_in
from bitwright.measure.kept import store, stored

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)

Call = Callable[[], object]
Clock = Callable[[], int]  # nanoseconds
Floats = npt.NDArray[np.float64]
ROUNDS = 16
RUNS = 9  # in a row, of which the faster quarter counts
REFERENCE, FIXED, FACTOR = "reference", "fixed", "factor"  # beside the kinds in the file
WRITERS = (
    "export/onnx_nodes.py",
    "export/onnx_writer.py",
    "export/widths.py",
    "measure/alone.py",
)


class LatencyTable:
    """Microseconds of every kind of layer met so far, kept in a file of the user's cache.

    The file is of this processor, this ONNX Runtime and this writer of files. Safe to share between
    processes: what another has found meanwhile is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or _kept()
        self._known: dict[str, float] = stored(self._path)

    def __len__(self) -> int:
        return len(self._known)

    def latency_ms(self, graph: Graph) -> float:
        """What one inference takes: batch 1, one thread; times layers that are new to it."""
        if FACTOR not in self._known:
            self.calibrate()
        return (self._known[FIXED] + self._known[FACTOR] * self.layers_us(graph)) / 1000

    def layers_us(self, graph: Graph) -> float:
        """The sum of what its layers take alone."""
        wide = widths(graph)
        kinds = [Kind.of(graph, node, wide) for node in graph.nodes[1:]]
        new = {kind.key: kind for kind in kinds if kind.key not in self._known}
        if new:
            logger.info("timing %d kinds of layers, once on this machine", len(new))
            self._keep({key: self._timed(kind) for key, kind in new.items()})
        return sum(self._known[kind.key] for kind in kinds)

    def _timed(self, kind: Kind) -> float:
        base = _nothing() if kind.image is not None else call_of(kind.base())
        whole, without = self.timed_us([call_of(kind.model()), base])
        return max(0.0, whole - without) / kind.copies

    def calibrate(self) -> None:
        """Fits the line to whole networks: done once, by `latency_ms` where it was not before."""
        graphs = list(_calibration())
        sums = [self.layers_us(graph) for graph in graphs]
        measured = [self.timed_us([call_of(stand_in(graph))])[0] for graph in graphs]
        fixed, factor = line(np.array(sums), np.array(measured))
        self._keep({FIXED: fixed, FACTOR: factor})

    def timed_us(self, calls: Sequence[Call], *, rounds: int = ROUNDS) -> list[float]:
        """Microseconds of each call, as on a machine that runs the reference at its usual speed."""
        if REFERENCE not in self._known:
            _burst(_reference())
            self._keep({REFERENCE: min(_burst(_reference()) for _ in range(8 * ROUNDS))})
        found = in_turns(calls, _reference(), rounds=rounds)
        return [self._known[REFERENCE] * ratio for ratio in found]

    def _keep(self, found: dict[str, float]) -> None:
        self._known = {**found, **self._known, **stored(self._path)}
        store(self._path, self._known)


def line(sums: Floats, measured: Floats) -> tuple[float, float]:
    """The offset and slope, neither negative, that come nearest in relative terms."""
    rows = np.stack([1 / measured, sums / measured], axis=1)
    (fixed, factor), *_ = np.linalg.lstsq(rows, np.ones(len(sums)), rcond=None)
    if fixed < 0:
        return 0.0, float(rows[:, 1].sum() / (rows[:, 1] ** 2).sum())
    return float(fixed), max(0.0, float(factor))


def in_turns(
    calls: Sequence[Call],
    reference: Call,
    *,
    rounds: int = ROUNDS,
    clock: Clock = time.perf_counter_ns,
) -> list[float]:
    """What each call takes as a multiple of the reference: the median of the calmer rounds."""
    for call in calls:
        call()
    found = []
    before = _burst(reference, clock)
    for _ in range(rounds):
        times = [_burst(call, clock) for call in calls]
        after = _burst(reference, clock)
        found.append((abs(after / before - 1), [2 * at / (before + after) for at in times]))
        before = after
    calm = sorted(found, key=lambda one: one[0])[: (rounds + 1) // 2]
    return [float(np.median(column)) for column in zip(*(row for _, row in calm), strict=True)]


def _burst(call: Call, clock: Clock = time.perf_counter_ns) -> float:
    """Microseconds of a call: the lower quartile of a few in a row."""
    times = []
    for _ in range(RUNS):
        start = clock()
        call()
        times.append(clock() - start)
    return sorted(times)[RUNS // 4] / 1000


def call_of(model: "onnx.ModelProto") -> Call:
    """One inference of a random image; only the first of its results is fetched."""
    from bitwright.export.image_model import random_input
    from bitwright.export.runtime import session_of

    session = session_of(model.SerializeToString(), "a layer alone")
    feed = random_input(session, "a layer alone")
    fetched = [session.get_outputs()[0].name]
    return lambda: session.run(fetched, feed)


@functools.cache
def _reference() -> Call:
    """What the machine's speed is told by: a 3x3 convolution that is neither small nor large."""
    return call_of(stand_in(_chain((32, 16, 16), 32, 1, "conv")))


@functools.cache
def _nothing() -> Call:
    """A run that computes nothing."""
    return call_of(nothing())


def _calibration() -> Iterator[Graph]:
    """Small and larger networks, of few kinds of layers each."""
    for shape, width in (((1, 8, 8), 16), ((1, 28, 28), 16), ((3, 32, 32), 32)):
        for block in ("conv", "depthwise", "residual"):
            for depth in (1, 3):
                yield _chain(shape, width, depth, block)


def _chain(shape: Shape, width: int, depth: int, block: str) -> Graph:
    """A stem that halves the map, so many equal blocks, and a classifier."""
    build = GraphBuilder(shape, EIGHT)
    how: dict[str, Any] = {"unit": "", "width": width, "weight": EIGHT, "activation": EIGHT}
    last = build.conv("stem", "input", kernel=3, stride=2, **how)
    for at in range(depth):
        first = last
        if block == "depthwise":
            last = build.conv(f"{at}/map", last, kernel=3, depthwise=True, **how)
        last = build.conv(f"{at}", last, kernel=1 if block == "depthwise" else 3, **how)
        if block == "residual":
            last = build.add(f"{at}/sum", first, last, unit="", activation=EIGHT, relu=True)
    last = build.global_average_pool("mean", last, unit="", activation=EIGHT)
    build.linear("head", last, unit="", width=10, weight=EIGHT, activation=None)
    return build.finish()


def _kept() -> Path:
    """Where the table of this processor, this ONNX Runtime and these writers is kept."""
    import onnxruntime

    package = resources.files("bitwright")
    texts = [package.joinpath(name).read_text(encoding="utf-8") for name in WRITERS]
    about = "\0".join([processor.name(), onnxruntime.__version__, *texts])
    digest = hashlib.sha256(about.encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("bitwright")) / f"layers-onnxruntime-{digest}.json"
