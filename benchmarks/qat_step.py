"""The quantization-aware training step against the same network's plain float step.

    make bench-qat-step
    python benchmarks/qat_step.py [--brevitas PYTHON] [--rounds N]

ResNet-8 at 32x32, batch 128: every weight per output channel, every activation, LSQ at 4 bits. A
step is forward, loss, backward and AdamW (torch's fused one for all). Variants take turns within
one run; ratios are medians over rounds of times within one round. The trainer's step is all that a
user pays for: batches with flips and shifts, gradient clipping, and the rest.

`--brevitas` names the Python of an environment with the same torch and with Brevitas; its
equivalent layers then take turns with the others, in a process of their own.
"""

import argparse
import functools
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import machine
from networks import PlainNet, digits, resnet8
from torch import nn

from bitwright.config import AugmentConfig, TrainConfig
from bitwright.nets.build import QuantNet
from bitwright.quant.fake import use_fused
from bitwright.records import Blueprint
from bitwright.space.joint import expand
from bitwright.train.batches import Batches
from bitwright.train.trainer import precision, train

RESULT = Path(__file__).parent / "results" / "qat-step.json"
BATCH, STEPS, TRAINER_STEPS = 128, 4, 12
INPUT_STEP, INPUT_ZERO = 0.02, 120
PLAIN, LAST = "plain float32", "plain float32 channels-last"
PRODUCT = "lsq:4 as candidates train"  # train.precision: auto, train.fused: auto

Runner = Callable[[], float]  # seconds a step


def images_for(blueprint: Blueprint, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random uint8 images and labels."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(
        0, 256, (count, *blueprint.input_shape), dtype=torch.uint8, generator=generator
    )
    return images, torch.randint(0, blueprint.classes, (count,), generator=generator)


def quantized_net(blueprint: Blueprint) -> QuantNet:
    """The product's network as tasks build it."""
    torch.manual_seed(0)
    net = QuantNet(expand(blueprint), input_step=INPUT_STEP, input_zero=INPUT_ZERO)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def stepping(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, bits: str) -> Runner:
    """Takes a few optimizer steps on one batch."""
    net.train()
    net(images)  # quantizers fit their steps
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with precision(bits, images.device):
            logits = net(images)
        torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
        optimizer.step()

    return functools.partial(_timed, step, STEPS)


def _timed(call: Callable[[], None], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def plain(blueprint: Blueprint, *, last: bool, bits: str = "float32") -> Runner:
    """The plain network; its images come normalised."""
    torch.manual_seed(0)
    net = PlainNet(expand(blueprint))
    codes, labels = images_for(blueprint, BATCH)
    images = (codes.float() - INPUT_ZERO) * INPUT_STEP
    if last:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.contiguous(memory_format=torch.channels_last)
    return stepping(net, images, labels, bits)


def quantized(blueprint: Blueprint, *, fused: bool, bits: str) -> Runner:
    """The product's network; its images come as codes, which it normalises itself."""
    codes, labels = images_for(blueprint, BATCH)
    use_fused(fused)
    run = stepping(quantized_net(blueprint), codes.float(), labels, bits)
    return functools.partial(_with_kernels, fused, run)


def _with_kernels(fused: bool, run: Runner) -> float:
    use_fused(fused)
    try:
        return run()
    finally:
        use_fused(True)


def trainer(blueprint: Blueprint, bits: str) -> Runner:
    """The whole training step, by the product's trainer."""
    images, labels = images_for(blueprint, BATCH * 8)

    def run() -> float:
        net = quantized_net(blueprint)
        batches = Batches(
            images,
            labels,
            batch=BATCH,
            augment=AugmentConfig(flip=True, shift=4),
            fill=INPUT_ZERO,
            generator=torch.Generator().manual_seed(0),
        )
        config = TrainConfig(steps=TRAINER_STEPS, epochs=100, precision=bits)  # type: ignore[arg-type]
        start = time.perf_counter()
        train(net, batches, config)
        return (time.perf_counter() - start) / TRAINER_STEPS

    return run


class Brevitas:
    """Brevitas' step in a process of its own: asked for a few steps, it answers with the time."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("brevitas_step.py")
        threads = str(torch.get_num_threads())
        self.process = subprocess.Popen(
            [python, str(script), threads, str(BATCH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.ask, self.answer = self.process.stdin, self.process.stdout
        self.version = self.answer.readline().strip()

    def run(self) -> float:
        """Seconds a step."""
        self.ask.write(f"{STEPS}\n")
        self.ask.flush()
        return float(self.answer.readline())


def variants(brevitas: Brevitas | None) -> dict[str, Runner]:
    """Every way to take a step, by name."""
    net, whole = resnet8("lsq:4", "lsq:4"), resnet8("none:32", "none:32")
    small, small_whole = digits("lsq:4", "lsq:4"), digits("none:32", "none:32")
    found = {
        PLAIN: plain(whole, last=False),
        LAST: plain(whole, last=True),
        "plain bfloat16 channels-last": plain(whole, last=True, bits="bfloat16"),
        PRODUCT: quantized(net, fused=True, bits="auto"),
        "lsq:4 float32": quantized(net, fused=True, bits="float32"),
        "lsq:4 eager float32": quantized(net, fused=False, bits="float32"),
        "trainer, full precision float32": trainer(whole, "float32"),
        "trainer, lsq:4 float32": trainer(net, "float32"),
        "trainer, lsq:4 as candidates train": trainer(net, "auto"),
        "digits trainer, full precision float32": trainer(small_whole, "float32"),
        "digits trainer, lsq:4 as candidates train": trainer(small, "auto"),
    }
    if brevitas is not None:
        found["brevitas 4 bit float32"] = brevitas.run
    return found


RATIOS = {  # claim, or what else is worth knowing: variant against variant
    "candidate step to plain step (claim: at most 0.9)": (PRODUCT, PLAIN),
    "candidate step to channels-last step (claim: at most 1.2)": (PRODUCT, LAST),
    "float32 step to plain step": ("lsq:4 float32", PLAIN),
    "float32 step to channels-last step": ("lsq:4 float32", LAST),
    "candidate step to bfloat16 channels-last step": (PRODUCT, "plain bfloat16 channels-last"),
    "eager step to plain step": ("lsq:4 eager float32", PLAIN),
    "brevitas step to plain step": ("brevitas 4 bit float32", PLAIN),
    "brevitas step to candidate step": ("brevitas 4 bit float32", PRODUCT),
    "trainer: candidate to full precision": (
        "trainer, lsq:4 as candidates train",
        "trainer, full precision float32",
    ),
    "digits trainer: candidate to full precision": (
        "digits trainer, lsq:4 as candidates train",
        "digits trainer, full precision float32",
    ),
}


def measure(runners: dict[str, Runner], rounds: int) -> dict[str, list[float]]:
    """Seconds a step of each variant, round by round, in turns."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for run in runners.values():
        run()
    for _ in range(rounds):
        for name, run in runners.items():
            times[name].append(run())
    return times


def summary(times: dict[str, list[float]]) -> dict[str, object]:
    """Medians and ratios of a run."""
    ratios = {}
    for name, (top, bottom) in RATIOS.items():
        if top in times:
            pairs = [a / b for a, b in zip(times[top], times[bottom], strict=True)]
            low, middle, high = statistics.quantiles(pairs, n=4)
            ratios[name] = {
                "median": round(middle, 3),
                "quartiles": [round(low, 3), round(high, 3)],
            }
    return {
        "rounds": len(times[PLAIN]),
        "ms_per_step": {name: round(1000 * statistics.median(t), 2) for name, t in times.items()},
        "ratios": ratios,
    }


def candidates_train_in() -> str:
    """What `train.precision: auto` means on this machine."""
    with precision("auto", torch.device("cpu")):
        return "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"


def main() -> None:
    """Measures and writes the result file, whose other sections stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--brevitas", metavar="PYTHON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    brevitas = Brevitas(options.brevitas) if options.brevitas else None
    found = summary(measure(variants(brevitas), options.rounds))
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    result["step"] = {
        "command": "python benchmarks/qat_step.py",
        "network": "ResNet-8, 32x32, batch 128, LSQ 4 bit: weights per channel, activations",
        "machine": machine() | {"threads": str(options.threads)},
        "brevitas": brevitas.version if brevitas else "not run",
        "candidates_train_in": candidates_train_in(),
        **found,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["step"], indent=2))


if __name__ == "__main__":
    main()
