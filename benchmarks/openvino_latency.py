"""Latency of integer networks in OpenVINO against ONNX Runtime, and whether both compute the same.

    python benchmarks/openvino_latency.py [--rounds N]

With the extra `openvino`. Batch 1, one thread, random weights fitted to random images. Both take
turns within one run; the ratio is the median over rounds of times within one round, above 1 where
OpenVINO is faster. `different` is the share of random images that the file in that runtime
classifies otherwise than the exact integer reference.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from latency import NETWORKS, POLICIES, Call, integers_of, random_images, turn
from machine import machine

from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.export.names import INPUT
from bitwright.export.onnx_file import write
from bitwright.export.openvino_ir import build, runtime
from bitwright.export.runtime import open_session
from bitwright.targets.base import make
from bitwright.targets.openvino_cpu import request_for

RESULT = Path(__file__).parent / "results" / "openvino.json"
IMAGES = 200
NAMES = ("resnet8", "ds-cnn small", "mobilenet x 0.25", "digits", "squeeze-excite")


def calls_of(model: IntegerModel, path: Path, images: Any) -> dict[str, Call]:
    """One inference of the first image by each runtime."""
    session = open_session(path, threads=1)
    request = request_for(build(model, {}), images[:1])
    return {
        "onnxruntime-cpu": lambda: session.run(None, {INPUT: images[:1]}),
        "openvino": request.infer,
    }


def measured(name: str, policy: str, rounds: int) -> dict[str, Any]:
    """Times, ratio and agreement of a network under a policy."""
    blueprint = NETWORKS[name](*POLICIES[policy])
    images = random_images(blueprint, IMAGES)
    model = integers_of(blueprint, images[:32])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write(model, path, {})
        calls = calls_of(model, path, images)
        wanted = reference.run(model, images).argmax(1)
        different = {
            target: float(np.mean(make(target).load(path).logits(images).argmax(1) != wanted))
            for target in calls
        }
    for call in calls.values():
        turn(call)
    times = {target: [0.0] * rounds for target in calls}
    for at in range(rounds):
        for target, call in calls.items():
            times[target][at] = turn(call)
    ratios = [a / b for a, b in zip(times["onnxruntime-cpu"], times["openvino"], strict=True)]
    return {
        "ms": {target: round(statistics.median(found), 4) for target, found in times.items()},
        "openvino_faster": round(statistics.median(ratios), 3),
        "different": different,
    }


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        found[name] = {}
        for policy in ("w8a8", "w4a4"):
            found[name][policy] = measured(name, policy, options.rounds)
            print(name, policy, json.dumps(found[name][policy]), flush=True)
    versions = {
        "onnxruntime": onnxruntime.__version__,
        "openvino": runtime().get_version().partition("-")[0],
    }
    result = {
        "command": "python benchmarks/openvino_latency.py",
        "machine": machine() | {"threads": "1"} | versions,
        "batch": 1,
        "rounds": options.rounds,
        "images": IMAGES,
        "networks": found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
