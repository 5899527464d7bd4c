"""Training steps a second: quantized (fused, eager, bfloat16) against a plain net.

    .venv/bin/python benchmarks/train_step.py

Variants are alternated in one process for several rounds; medians and their ratios go to
results/train-step.json.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import machine
from torch import nn

from bitwright.nets.build import QuantNet
from bitwright.quant.fake import use_fused
from bitwright.quant.spec import Method, Site
from bitwright.records import Blueprint, UnitSpec
from bitwright.space.joint import HEAD, expand
from bitwright.train.trainer import precision

RESULT = Path(__file__).parent / "results" / "train-step.json"
BATCH, SIDE = 128, 32


def network(kind: str, method: str) -> Blueprint:
    """A ResNet-8-like net of residual units, or a MobileNet-like one of depthwise units."""
    units = [_unit("stem/0", "conv", 16, 1)]
    widths = (16, 32, 64) if kind == "residual" else (32, 64, 128)
    for index, width in enumerate(widths):
        units.append(_unit(f"body/{index}", kind, width, 1 if index == 0 else 2))
    units.append(UnitSpec(HEAD, "classifier", (("width", 10),)))
    policy = []
    for unit in units:
        policy.append((Site(unit.path, "weight"), Method.parse(method, "weight")))
        policy.append((Site(unit.path, "activation"), Method.parse(method, "activation")))
    return Blueprint((3, SIDE, SIDE), 10, tuple(units), tuple(policy))


def _unit(path: str, kind: str, width: int, stride: int) -> UnitSpec:
    params = (("width", width), ("stride", stride), ("kernel", 3), ("convs", 2))
    return UnitSpec(path, kind, params)


@dataclasses.dataclass
class Variant:
    """One way to train: which method, fused or eager, which precision."""

    kind: str
    method: str
    fused: bool
    precision: str

    def stepper(self) -> Callable[[], None]:
        """A function that takes one optimizer step on random data."""
        torch.manual_seed(0)
        net = QuantNet(expand(network(self.kind, self.method)), input_step=0.02, input_zero=120)
        net.train()
        images = torch.randint(0, 256, (BATCH, 3, SIDE, SIDE)).float()
        labels = torch.randint(0, 10, (BATCH,))
        net(images)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)

        def step() -> None:
            use_fused(self.fused)
            with precision(self.precision, images.device, depthwise=False):
                logits = net(images)
            torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
            optimizer.step()
            optimizer.zero_grad()

        return step


VARIANTS = {
    f"{kind} {name}": Variant(kind, method, fused, bits)
    for kind in ("residual", "depthwise_separable")
    for name, method, fused, bits in (
        ("plain float32", "none:32", False, "float32"),
        ("lsq:4 eager float32", "lsq:4", False, "float32"),
        ("lsq:4 fused float32", "lsq:4", True, "float32"),
        ("lsq:4 fused bfloat16", "lsq:4", True, "bfloat16"),
    )
}


def main() -> None:
    """Measures and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    steppers = {name: variant.stepper() for name, variant in VARIANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for step in steppers.values():
        step()
    for _ in range(options.rounds):
        for name, step in steppers.items():
            start = time.perf_counter()
            for _ in range(options.steps):
                step()
            times[name].append((time.perf_counter() - start) / options.steps)
    medians = {name: statistics.median(found) for name, found in times.items()}
    result = {
        "command": "python benchmarks/train_step.py",
        "machine": machine() | {"threads": str(torch.get_num_threads())},
        "batch": BATCH,
        "image": [3, SIDE, SIDE],
        "images_per_second": {name: round(BATCH / median) for name, median in medians.items()},
        "time_ratio_to_plain": {
            name: round(median / medians[f"{name.split()[0]} plain float32"], 3)
            for name, median in medians.items()
        },
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
