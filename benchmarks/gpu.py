"""Integer networks on an NVIDIA GPU: how fast, and how alike they answer.

    python benchmarks/gpu.py [--rounds N]
    python docs/results_gpu.py    # the page's tables

Needs a CUDA device, torch for CUDA and onnxruntime-gpu in the place of onnxruntime. Everything
takes turns within one run; times are medians. `cuda` and `processor` are ONNX Runtime's by the file
that is shipped, one thread beside the GPU, copies of images and logits counted; `torch` is the
network as it trains, by the device's own events. Of nodes is told where they ran. `different`
counts the images that the file on the GPU classifies otherwise than the exact integer reference: of
random images, or of all test images with a trained network.
"""

import argparse
import collections
import functools
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from float_onnx import write_float
from latency import NETWORKS, POLICIES, integers_of, random_images, turn
from machine import machine

from bitwright.export import reference
from bitwright.export.names import INPUT
from bitwright.export.onnx_file import write
from bitwright.export.onnx_reader import read
from bitwright.export.runtime import open_session
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint
from bitwright.space.joint import expand
from bitwright.targets.base import make
from bitwright.targets.onnxruntime_gpu import CUDA, PROCESSOR, device_name
from bitwright.tasks.data.load import load as load_data
from bitwright.train.cuda_latency import cuda_latency

RESULTS = Path(__file__).parent / "results"
RESULT = RESULTS / "gpu.json"
NAMES = ("resnet8", "ds-cnn small", "mobilenet x 0.25", "squeeze-excite")
BITS = ("w8a8", "w4a4")
IMAGES = 200
BATCHES = (1, 64)
TRAINED = {"final-fashion": "fashion-mnist"}  # file: data
PROVIDERS = {"processor": [PROCESSOR], "cuda": [CUDA, PROCESSOR]}
Images = npt.NDArray[np.uint8]


def speeds(path: Path, images: Any, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one inference by provider and batch, in turns."""
    calls = {
        (name, batch): functools.partial(
            open_session(path, threads=1, providers=providers).run, None, {INPUT: images[:batch]}
        )
        for name, providers in PROVIDERS.items()
        for batch in BATCHES
    }
    times = collections.defaultdict(list)
    for call in calls.values():
        turn(call)
    for _ in range(rounds):
        for key, call in calls.items():
            times[key].append(turn(call))
    return {
        name: {str(batch): round(statistics.median(times[name, batch]), 4) for batch in BATCHES}
        for name in PROVIDERS
    }


def placed(path: Path, image: Images) -> dict[str, int]:
    """How many nodes of the file ran where, and how many copies lay between, by ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.enable_profiling = True
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as `open_session`
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(str(path), options, providers=PROVIDERS["cuda"])
        session.run(None, {INPUT: image})
        events = json.loads(Path(session.end_profiling()).read_text())
    found: dict[str, int] = {"cuda": 0, "processor": 0, "copies": 0}
    for event in events:
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
            continue
        about = event["args"]
        on_gpu = about["provider"] == CUDA[0]
        copy = about["op_name"].startswith("Memcpy")
        found["copies" if copy else "cuda" if on_gpu else "processor"] += 1
    return found


def measured(path: Path, images: Images, rounds: int) -> dict[str, Any]:
    """Times, places and answers of one file."""
    wanted = reference.run(read(path), images).argmax(1)
    answers = make("onnxruntime-cuda").load(path).logits(images).argmax(1)
    return {
        "ms": speeds(path, images, rounds),
        "nodes": placed(path, images[:1]),
        "images": len(images),
        "different": int((answers != wanted).sum()),
    }


def network(blueprint: Blueprint) -> QuantNet:
    """The network as tasks build it, on the GPU."""
    torch.manual_seed(0)
    net = QuantNet(expand(blueprint), input_step=0.02, input_zero=120)
    return net.to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def reference_network(name: str, rounds: int) -> dict[str, Any]:
    """One network of random weights under every policy, and in float."""
    found: dict[str, Any] = {}
    for bits in BITS:
        blueprint = NETWORKS[name](*POLICIES[bits])
        images = random_images(blueprint, IMAGES)
        model = integers_of(blueprint, images[:32])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            write(model, path, {})
            found[bits] = measured(path, images, rounds)
            if "float32" not in found:
                write_float(model, path)
                real = (images[: max(BATCHES)] - model.input.zero_point) * model.input.scale
                found["float32"] = {"ms": speeds(path, real.astype(np.float32), rounds)}
        net = network(blueprint)
        with torch.no_grad():
            net(torch.from_numpy(images[:32]).to("cuda"))  # quantizers fit their steps
        found[bits]["ms"]["torch"] = {"1": round(cuda_latency(net).value, 4)}
    return found


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    networks = {}
    for name in NAMES:
        networks[name] = reference_network(name, options.rounds)
        print(name, json.dumps(networks[name]), flush=True)
    trained = {}
    for name, data in TRAINED.items():
        images = load_data(data).test.images
        trained[name] = measured(RESULTS / f"{name}.onnx", images, options.rounds) | {"data": data}
        print(name, json.dumps(trained[name]), flush=True)
    result = {
        "command": "python benchmarks/gpu.py",
        "machine": machine()
        | {
            "gpu": device_name(),
            "onnxruntime": onnxruntime.__version__,
            "cuda": str(torch.version.cuda),
        },
        "rounds": options.rounds,
        "networks": networks,
        "trained": trained,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
