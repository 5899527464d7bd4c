"""What the fast path costs in accuracy: paired trainings, fast against eager float32.

    make bench-qat-accuracy
    python benchmarks/qat_accuracy.py [--only fast|exact]

ResNet-8 at 4 bits trains for 5 epochs on a part of CIFAR-10, with five seeds, twice each: as
candidates train by default (compiled kernels, and bfloat16 where that is faster), and by torch's
own operations in float32. Both start from the same weights and see the same batches. A run that is
in the result file already is not made again.
"""

import argparse
import json
import statistics
import time
from typing import Any

import torch
from interval import half_interval
from machine import machine
from networks import resnet8
from qat_step import RESULT, candidates_train_in

from bitwright.config import AugmentConfig, DataConfig, TrainConfig
from bitwright.quant.fake import use_fused
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.tasks.image_classification import ImageClassification
from bitwright.train.shop import Shop

SEEDS, EPOCHS, IMAGES = 5, 5, 10_000
WAYS = ("fast", "exact")


def run(shop: Shop, seed: int, way: str) -> dict[str, float]:
    """One training: its test accuracy, last training loss, and seconds."""
    fast = way == "fast"
    use_fused(fast)
    budget = TrainConfig(epochs=EPOCHS, images=IMAGES, precision="auto" if fast else "float32")
    start = time.perf_counter()
    net, curve = shop.trained(resnet8("lsq:4", "lsq:4"), budget, seed)
    seconds = time.perf_counter() - start
    return {
        "accuracy": round(shop.score(net, shop.test), 4),
        "loss": round(curve[-1][1], 4),
        "seconds": round(seconds, 1),
    }


def paired(runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The difference fast - exact in points, with a 95 % interval, once all seeds are there."""
    pairs = [
        (runs[f"fast {seed}"]["accuracy"], runs[f"exact {seed}"]["accuracy"])
        for seed in range(SEEDS)
        if f"fast {seed}" in runs and f"exact {seed}" in runs
    ]
    if len(pairs) < SEEDS:
        return {}
    differences = [100 * (fast - exact) for fast, exact in pairs]
    reach = half_interval(differences)
    middle = statistics.mean(differences)
    return {
        "mean_accuracy": {
            way: round(statistics.mean(pair[at] for pair in pairs), 4)
            for at, way in enumerate(WAYS)
        },
        "fast_minus_exact_points": {
            "mean": round(middle, 3),
            "interval_95": [round(middle - reach, 3), round(middle + reach, 3)],
        },
    }


def main() -> None:
    """Makes the runs that are missing; each is written as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=WAYS)
    options = parser.parse_args()
    settings = DataConfig(name="cifar10", augment=AugmentConfig(flip=True, shift=4))
    shop = Shop.open(
        "qat-accuracy",
        ImageClassification.make(settings, seed=0),
        OnnxRuntimeCpu(),
        device=torch.device("cpu"),
        threads=torch.get_num_threads(),
    )
    for seed in range(SEEDS):
        for way in WAYS:
            known = _section()
            if f"{way} {seed}" not in known["runs"] and options.only in (None, way):
                found = run(shop, seed, way)
                print(seed, way, found, flush=True)
                _keep(f"{way} {seed}", found)


def _section() -> dict[str, Any]:
    """The accuracy part of the result file as it stands."""
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    return dict(result.get("accuracy") or {"runs": {}})


def _keep(name: str, found: dict[str, float]) -> None:
    runs = _section()["runs"] | {name: found}
    section = {
        "command": "python benchmarks/qat_accuracy.py",
        "data": f"cifar10: {IMAGES} training images drawn a seed, 10000 test images",
        "epochs": EPOCHS,
        "fast_trains_in": candidates_train_in(),
        "machine": machine() | {"threads": str(torch.get_num_threads())},
        "runs": dict(sorted(runs.items())),
        **paired(runs),
    }
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(result | {"accuracy": section}, indent=2) + "\n")


if __name__ == "__main__":
    main()
