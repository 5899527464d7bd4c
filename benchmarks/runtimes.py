"""Integer networks in ONNX Runtime, OpenVINO and LiteRT: how fast, and how alike they answer.

    python benchmarks/runtimes.py [--rounds N]
    python docs/results_runtimes.py    # the page's tables

With the extras `openvino` and `litert`. Batch 1, one thread. All take turns within one run; a ratio
is the median over rounds of times within one round, above 1 where a runtime is faster than ONNX
Runtime. Speed is taken of networks with random weights fitted to random images. `different` counts
the images that a network in a runtime classifies otherwise than the exact integer reference: of
random images there; of all test images with the trained networks of `benchmarks/final.py`; of all
images there are with those of `studies/fixed-ranges.yaml`, which is searched anew, as it is and
with activations of one width throughout.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from latency import NETWORKS, POLICIES, Call, integers_of, random_images, turn
from machine import machine

from bitwright.config import StudyConfig
from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.export.names import INPUT
from bitwright.export.onnx_file import write
from bitwright.export.onnx_reader import read
from bitwright.export.openvino_ir import build as openvino_graph
from bitwright.export.runtime import open_session
from bitwright.export.tflite import build as tflite_file
from bitwright.study.session import run
from bitwright.targets.base import make
from bitwright.targets.litert import Running
from bitwright.targets.openvino_cpu import request_for
from bitwright.tasks.data.load import load as load_data

RESULTS = Path(__file__).parent / "results"
RESULT = RESULTS / "runtimes.json"
IMAGES = 200
NAMES = ("resnet8", "ds-cnn small", "mobilenet x 0.25", "digits", "squeeze-excite")
TRAINED = {"final-cifar10": "cifar10", "final-fashion": "fashion-mnist"}  # file: data
FIXED = Path(__file__).parent / "studies" / "fixed-ranges.yaml"
ALIKE = "dorefa:4"  # one width throughout: every mean is on the step of what it is taken of
BASE, OTHERS = "onnxruntime-cpu", ("openvino", "litert")
PACKAGES = ("onnxruntime", "openvino", "ai-edge-litert")


def calls_of(model: IntegerModel, path: Path, image: npt.NDArray[np.uint8]) -> dict[str, Call]:
    """One inference of an image (1, C, H, W) by each runtime."""
    session = open_session(path, threads=1)
    running = Running(tflite_file(model, {}), model.graph.input.shape, threads=1)
    return {
        BASE: lambda: session.run(None, {INPUT: image}),
        "openvino": request_for(openvino_graph(model, {}), image).infer,
        "litert": running.call(image),
    }


def measured(path: Path, images: npt.NDArray[np.uint8], rounds: int) -> dict[str, Any]:
    """Times, ratios and agreement of a network's file on images."""
    model = read(path)
    calls = calls_of(model, path, images[:1])
    wanted = reference.run(model, images).argmax(1)
    for call in calls.values():
        turn(call)
    times = {target: [0.0] * rounds for target in calls}
    for at in range(rounds):
        for target, call in calls.items():
            times[target][at] = turn(call)
    ratios = {
        target: [a / b for a, b in zip(times[BASE], found, strict=True)]
        for target, found in times.items()
        if target != BASE
    }
    return {
        "ms": {target: round(statistics.median(found), 4) for target, found in times.items()},
        "faster": {target: round(statistics.median(found), 3) for target, found in ratios.items()},
        "bytes": {
            "onnx": path.stat().st_size,
            "ir": int(make("openvino").measure(path)["ir_bytes"].value),
            "tflite": len(tflite_file(model, {})),
        },
        "images": len(images),
        "different": different(path, images, wanted),
    }


def different(
    path: Path, images: npt.NDArray[np.uint8], wanted: npt.NDArray[np.intp]
) -> dict[str, int]:
    """How many images a file classifies otherwise than wanted, by runtime."""
    return {
        target: int((make(target).load(path).logits(images).argmax(1) != wanted).sum())
        for target in (BASE, *OTHERS)
    }


def fitted(name: str, policy: str, rounds: int) -> dict[str, Any]:
    """A network under a policy, with random weights fitted to random images."""
    blueprint = NETWORKS[name](*POLICIES[policy])
    images = random_images(blueprint, IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write(integers_of(blueprint, images[:32]), path, {})
        return measured(path, images, rounds)


def on_fixed_ranges(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Trained networks with fixed ranges of several widths, on every image that there is."""
    data = load_data("digits")
    images = np.concatenate([data.train.images, data.test.images])
    counts = dict.fromkeys((BASE, *OTHERS), 0)
    with tempfile.TemporaryDirectory() as folder:
        run(StudyConfig.read(FIXED, overrides), Path(folder))
        paths = sorted(Path(folder).rglob("*.onnx"))
        for path in paths:
            wanted = reference.run(read(path), images).argmax(1)
            for target, count in different(path, images, wanted).items():
                counts[target] += count
    return {"networks": len(paths), "images": len(images), "different": counts}


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    networks: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
    for name, found in networks.items():
        for policy in ("w8a8", "w4a4"):
            found[policy] = fitted(name, policy, options.rounds)
            print(name, policy, json.dumps(found[policy]), flush=True)
    trained = {}
    for name, data in TRAINED.items():
        images = load_data(data).test.images
        trained[name] = measured(RESULTS / f"{name}.onnx", images, options.rounds) | {"data": data}
        print(name, json.dumps(trained[name]), flush=True)
    fixed = on_fixed_ranges()
    print("fixed ranges", json.dumps(fixed), flush=True)
    alike = on_fixed_ranges([f"quantization.activations=[{ALIKE}]"])
    print(f"{ALIKE} throughout", json.dumps(alike), flush=True)
    result = {
        "command": "python benchmarks/runtimes.py",
        "machine": machine() | {"threads": "1"} | {name: version(name) for name in PACKAGES},
        "batch": 1,
        "rounds": options.rounds,
        "networks": networks,
        "trained": trained,
        "fixed_ranges": fixed,
        "alike": {"method": ALIKE, **alike},
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
