"""Whether training is faster in bfloat16: depthwise convolutions alone, and whole networks.

    make bench-precision

Forward and backward of one depthwise convolution of 64 channels and 64 images, by kernel, stride
and side of the map; then training steps of networks with depthwise convolutions, drawn from the
space of studies/halving.yaml. What counts is the time in bfloat16 through that in float32,
the least CPU time of several rounds that alternate.
"""

import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from torch.nn import functional

from bitwright.config import StudyConfig, TrainConfig
from bitwright.control.random import RandomController, RandomSettings
from bitwright.space.joint import expand
from bitwright.study.parts import assemble

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "halving.yaml"
RESULT = HERE / "results" / "precision.json"
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
IMAGES, CHANNELS, NETWORKS, STEPS, ROUNDS = 64, 64, 6, 25, 5


def ratio(run: Callable[[str], Any], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of CPU of `run(precision)` in both, and bfloat16's through float32's."""
    best = dict.fromkeys(TYPES, float("inf"))
    for name in TYPES:
        run(name)  # what is compiled or chosen once
    for _, name in itertools.product(range(rounds), TYPES):
        start = time.process_time()
        run(name)
        best[name] = min(best[name], 1000 * (time.process_time() - start))
    found = {f"{name}_ms": round(ms, 2) for name, ms in best.items()}
    return {**found, "ratio": round(best["bfloat16"] / best["float32"], 2)}


def convolution(side: int, kernel: int, stride: int) -> dict[str, float]:
    """One depthwise convolution, forward and backward."""
    made = {}
    for name, dtype in TYPES.items():
        x = torch.randn(IMAGES, CHANNELS, side, side, dtype=dtype)
        x = x.to(memory_format=torch.channels_last).requires_grad_()
        weight = torch.randn(CHANNELS, 1, kernel, kernel, dtype=dtype, requires_grad=True)
        made[name] = x, weight

    def run(name: str) -> None:
        x, weight = made[name]
        y = functional.conv2d(x, weight, None, stride, kernel // 2, groups=CHANNELS)
        torch.autograd.grad(y, (x, weight), torch.ones_like(y))

    return ratio(run)


def networks() -> list[dict[str, Any]]:
    """Networks with depthwise convolutions, as candidates are trained."""
    parts = assemble(StudyConfig.read(STUDY), "precision")
    shop, found = parts.shop, []
    drawn = RandomController(parts.space, RandomSettings(batch=1))
    for seed in itertools.count():
        blueprint = parts.space.decode(drawn.propose(seed, np.random.default_rng(seed)))
        nodes = expand(blueprint).nodes
        slow = sum(node.groups > 1 and node.stride > 1 for node in nodes)
        if not slow:
            continue

        def run(name: str) -> None:
            budget = TrainConfig.model_validate({"steps": STEPS, "batch": 64, "precision": name})
            shop.trained(blueprint, budget, 0)  # noqa: B023

        timed = ratio(run, rounds=3)
        found.append({"macs": shop.costs(blueprint)["macs"], "with_stride": slow, **timed})
        if len(found) == NETWORKS:
            return found
    raise AssertionError("unreachable: there is no end to seeds")


def main() -> None:
    """Measures, and writes the result."""
    torch.set_num_threads(1)
    shapes = [(side, kernel, stride) for side in (28, 7) for kernel in (3, 5) for stride in (1, 2)]
    layers = [
        {"side": side, "kernel": kernel, "stride": stride, **convolution(side, kernel, stride)}
        for side, kernel, stride in shapes
    ]
    whole = networks()
    result = {
        "command": "python benchmarks/precision.py",
        "machine": machine(),
        "layers": layers,
        "networks": whole,
        "median_ratio": statistics.median(one["ratio"] for one in whole),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
