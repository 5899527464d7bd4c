"""Latency of exported networks at several bit widths against the same networks in float32.

    make bench-latency
    python benchmarks/latency.py [--rounds N]

ONNX Runtime, batch 1, one thread. All files of a network take turns within one run; ratios are
medians over rounds of times within one round, and above 1 where the integer file is faster. Both
sides run in the product's own session; the float file takes images already normalised. The mixed
files have the form that the target chooses for networks that it hands over, by timing them.
"""

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks
import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from float_onnx import write_float
from machine import machine

from bitwright.export.float_layers import FLOAT_LAYERS
from bitwright.export.integer import IntegerModel
from bitwright.export.names import INPUT
from bitwright.export.onnx_file import write
from bitwright.export.runtime import open_session
from bitwright.measure.cost import costs
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint
from bitwright.space.joint import expand
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu

RESULT = Path(__file__).parent / "results" / "latency.json"
POLICIES = {  # steps from the largest magnitude: without training, learned ones start too coarse
    "w8a8": ("uniform:8", "uniform:8"),
    "w4a8": ("uniform:4", "uniform:8"),
    "w2a8": ("uniform:2", "uniform:8"),
    "w4a4": ("uniform:4", "uniform:4"),
}
MIXED = ("w8a8", "w4a4")
NETWORKS: dict[str, Callable[[str, str], Blueprint]] = {
    "resnet8": networks.resnet8,
    "ds-cnn small": networks.ds_cnn,
    "ds-cnn medium": functools.partial(networks.ds_cnn, width=172),
    "mobilenet x 0.25": networks.mobilenet,
    "mobilenet x 0.5": functools.partial(networks.mobilenet, width=0.5),
    "hand-made baseline": networks.hand_made,
    "digits": networks.digits,
    "squeeze-excite": networks.squeezed,
    "pooled": networks.pooled,
}
NORM_STEPS = 40  # forward passes until running statistics are those of the images
TURN_S = 0.02  # a file's turn in each round
Call = Callable[[], Any]


def calls_of(
    blueprint: Callable[[str, str], Blueprint], folder: Path
) -> tuple[dict[str, Call], Any]:
    """One inference by each file of a network, and what is known of the files."""
    calls: dict[str, Call] = {}
    about: dict[str, Any] = {"file_bytes": {}, "float_layers": {}}
    for name, policy in POLICIES.items():
        images = random_images(blueprint(*policy), 32)
        model = integers_of(blueprint(*policy), images)
        path = folder / f"{name}.onnx"
        write(model, path, {})
        calls[name] = call_of(path, images[:1])
        about["file_bytes"][name] = path.stat().st_size
        if name in MIXED:
            form = OnnxRuntimeCpu().form(path)
            mixed = folder / f"{name} mixed.onnx"
            write(model, mixed, form)
            calls[mixed.stem] = call_of(mixed, images[:1]) if form else calls[name]
            about["float_layers"][name] = json.loads(form.get(FLOAT_LAYERS, "[]"))
        if name == "w8a8":
            plain = folder / "float32.onnx"
            write_float(model, plain)
            calls["float32"] = call_of(plain, _real(model, images[:1]))
            about["file_bytes"]["float32"] = plain.stat().st_size
            about["macs"] = costs(model.graph)["macs"]
            about["correlation_of_logits"] = _agreement(model, plain, path, images)
    return calls, about


def random_images(blueprint: Blueprint, count: int) -> npt.NDArray[np.uint8]:
    """Random pixels."""
    shape = (count, *blueprint.input_shape)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def integers_of(blueprint: Blueprint, images: npt.NDArray[np.uint8]) -> IntegerModel:
    """The network with random weights, its norms and steps fitted to the images.

    To another half of them in each pass, as batches differ: fitted to one and the same, steps that
    follow the largest magnitude are whole parts of each other, and results lie on exact halves.
    """
    torch.manual_seed(0)
    net = QuantNet(expand(blueprint), input_step=0.02, input_zero=120)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _ in range(NORM_STEPS):
            net(torch.from_numpy(images[rng.permutation(len(images))[: (len(images) + 1) // 2]]))
    return net.to_integer()


def call_of(path: Path, images: Any) -> Call:
    """One inference by that file, in a session of its own."""
    session = open_session(path, threads=1)
    return lambda: session.run(None, {INPUT: images})[0]


def _real(model: IntegerModel, images: Any) -> Any:
    return ((images - model.input.zero_point) * model.input.scale).astype(np.float32)


def _agreement(model: IntegerModel, plain: Path, path: Path, images: Any) -> float:
    """How far both files say the same: that they are the same network."""
    integer, real = call_of(path, images)(), call_of(plain, _real(model, images))()
    return round(float(np.corrcoef(integer.ravel(), real.ravel())[0, 1]), 4)


def turn(call: Call) -> float:
    """The median milliseconds of one inference over a short while."""
    times: list[float] = []
    spent = 0.0
    while spent < TURN_S or len(times) < 5:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        spent += times[-1]
    return 1000 * statistics.median(times)


def measured(calls: dict[str, Call], rounds: int) -> dict[str, Any]:
    """Medians, and speed-ups over the float file, of files that take turns."""
    for call in calls.values():
        turn(call)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(turn(call))
    speedups = {}
    for name in (name for name in calls if name != "float32"):
        pairs = [a / b for a, b in zip(times["float32"], times[name], strict=True)]
        low, middle, high = statistics.quantiles(pairs, n=4)
        speedups[name] = {"median": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}
    ms = {name: round(statistics.median(found), 4) for name, found in times.items()}
    return {"ms": ms, "speedup_over_float32": speedups}


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    found = {}
    for name, blueprint in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            calls, about = calls_of(blueprint, Path(folder))
            found[name] = about | measured(calls, options.rounds)
        print(name, json.dumps(found[name]), flush=True)
    result = {
        "command": "python benchmarks/latency.py",
        "machine": machine() | {"threads": "1", "onnxruntime": onnxruntime.__version__},
        "batch": 1,
        "rounds": options.rounds,
        "networks": found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
