"""How near the table of layers comes to the latency of whole networks that it has not seen.

    make bench-latency-predictor
    python benchmarks/latency_predictor.py [--networks N]

Random networks of three spaces with random weights, exported as they would be shipped. Each is
foretold from the table of layers, which begins empty; then its file is timed in ONNX Runtime,
batch 1, one thread, in turns with the table's reference network. `metered` is what the study's own
meter says of the file once, whatever else the machine does meanwhile.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from latency import integers_of, random_images
from machine import machine
from scipy.stats import spearmanr

from bitwright.config import SpaceConfig
from bitwright.errors import ExportError
from bitwright.export.names import INPUT
from bitwright.export.onnx_file import write
from bitwright.export.runtime import open_session
from bitwright.graph import Shape
from bitwright.measure.latency import latency
from bitwright.measure.latency_table import LatencyTable
from bitwright.measure.survey import survey
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.space.templates import stages_of

RESULT = Path(__file__).parent / "results" / "latency_predictor.json"
EVEN = ("lsq:2:channel", "lsq:4:channel", "lsq:8:channel"), ("lsq:2", "lsq:4", "lsq:8")
MIXED = ("affine:8:tensor", "apot:4", "binary:1"), ("lsq:8", "apot:4", "power_of_two:4")
SPACES: dict[str, tuple[str, Shape, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "tiny, 8x8 grey": ("tiny", (1, 8, 8), EVEN),
    "compact, 28x28 grey": ("compact", (1, 28, 28), EVEN),
    "compact, 32x32 colour, other methods": ("compact", (3, 32, 32), MIXED),
}
ROUNDS = 32
DRAWS = 2000  # of the networks, for the intervals


def space_of(template: str, shape: Shape, methods: tuple[tuple[str, ...], ...]) -> JointSpace:
    """A template's space for such images, every unit's methods free."""
    weights, activations = methods
    offered = MethodSpace(
        tuple(map(Method.parse, weights)),
        tuple(Method.parse(text, "activation") for text in activations),
    )
    stages = stages_of(SpaceConfig(template=template))
    return JointSpace(stages, offered, input_shape=shape, classes=10)


def compared(blueprint: Blueprint, table: LatencyTable, path: Path) -> dict[str, Any]:
    """What is foretold of a network, and what its file takes."""
    graph, images = expand(blueprint), random_images(blueprint, 8)
    known, begun = len(table), time.perf_counter()
    foretold = table.latency_ms(graph)
    filling = time.perf_counter() - begun
    write(integers_of(blueprint, images), path, {})
    session = open_session(path)
    feed = {INPUT: images[:1]}
    (found,) = table.timed_us([lambda: session.run(None, feed)], rounds=ROUNDS)
    return {
        "layers": len(graph.nodes) - 1,
        "new_kinds": len(table) - known,
        "seconds": round(filling, 3),
        "foretold_ms": round(foretold, 5),
        "measured_ms": round(found / 1000, 5),
        "metered_ms": round(latency(path).value, 5),
    }


def agreement(rows: list[dict[str, Any]], against: str = "measured_ms") -> dict[str, Any]:
    """Relative errors and rank correlation, with 95 % intervals over draws of the networks."""
    foretold = np.array([row["foretold_ms"] for row in rows])
    measured = np.array([row[against] for row in rows])
    errors = np.abs(foretold / measured - 1)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(rows), size=(DRAWS, len(rows)))
    ranks = [spearmanr(foretold[at], measured[at]).statistic for at in drawn]
    return {
        "networks": len(rows),
        "mean_error": float(errors.mean()),
        "mean_error_interval_95": _interval(errors[drawn].mean(1)),
        "error_percentiles_50_95_100": np.percentile(errors, [50, 95, 100]).tolist(),
        "bias": float((foretold / measured - 1).mean()),
        "spearman": float(spearmanr(foretold, measured).statistic),
        "spearman_interval_95": _interval(ranks),
    }


def _interval(values: Any) -> list[float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return [float(low), float(high)]


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=67, help="of each space")
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        table = LatencyTable(Path(folder) / "table.json")
        begun = time.perf_counter()
        table.calibrate()
        calibrated = time.perf_counter() - begun
        for name, described in SPACES.items():
            for one in survey(space_of(*described), options.networks, rng):
                try:
                    row = compared(one.blueprint, table, Path(folder) / "model.onnx")
                except ExportError:  # without training, a layer may die
                    continue
                rows.append({"space": name, **row})
                print(json.dumps(rows[-1]), flush=True)
        result = {
            "command": "python benchmarks/latency_predictor.py",
            "machine": machine() | {"threads": "1", "onnxruntime": onnxruntime.__version__},
            "calibration_s": round(calibrated, 2),
            "kinds": len(table),
            "filling_s": round(sum(row["seconds"] for row in rows), 1),
            "all": agreement(rows),
            "metered": agreement(rows, "metered_ms"),
            "spaces": {
                name: agreement([row for row in rows if row["space"] == name]) for name in SPACES
            },
            "networks": rows,
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "networks"}, indent=1))


if __name__ == "__main__":
    main()
