"""What a training gains whose first steps are in full precision: the same network with and without.

    make bench-beginning
    .venv/bin/python benchmarks/beginning.py --part 1/2     # every second run; part 2/2 beside it

One CIFAR-10 network with weights of 2, 3, 4 or 8 bits and activations of 8, trained for a
candidate's budget and for a longer one, with different parts of the steps before anything is
quantized. The runs of a seed start from the same weights and see the same batches; what counts is
the difference in test accuracy to the run that is quantized from the start. Every finished run goes
to results/beginning.json at once and is not made again.
"""

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from interval import half_interval
from machine import machine
from parting import locked, share_of

from bitwright.config import AugmentConfig, DataConfig, TrainConfig
from bitwright.records import Blueprint
from bitwright.report import wording
from bitwright.seeds import derive
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.tasks.image_classification import ImageClassification
from bitwright.testing.networks import blueprint_of
from bitwright.train.shop import Shop

RESULT = Path(__file__).parent / "results" / "beginning.json"
SEEDS = (0, 1, 2)
IMAGES = 20_000
BUDGETS = {
    name: TrainConfig(epochs=epochs, images=IMAGES, batch=64, learning_rate=0.01)
    for name, epochs in (("candidate", 2), ("final", 10))
}
BITS = {"candidate": (2, 3, 4, 8), "final": (2, 4)}
PARTS = {"candidate": (0.0, 0.2, 0.4, 0.6), "final": (0.0, 0.4)}
NETWORK = (
    {"name": "stem", "width": 16, "stride": 2},
    {"name": "body1", "width": 16},
    {"name": "body2", "kinds": "residual", "width": 24, "stride": 2},
    {"name": "body3", "kinds": "residual", "width": 32, "stride": 2},
)


class Case(NamedTuple):
    """One training; `part` of its steps comes before the quantizers."""

    budget: str
    bits: int
    part: float
    seed: int

    def __str__(self) -> str:
        return f"{self.budget} {self.bits} {self.part:g} {self.seed}"


def cases() -> Iterator[Case]:
    """All of them, seed by seed, so that a benchmark cut short has whole comparisons."""
    for seed in SEEDS:
        for budget in BUDGETS:
            for bits in BITS[budget]:
                for part in PARTS[budget]:
                    yield Case(budget, bits, part, seed)


def network(bits: int) -> Blueprint:
    """The one network, all of its weights of so many bits."""
    return blueprint_of(*NETWORK, weight=f"lsq:{bits}", activation="lsq:8", shape=(3, 32, 32))


def run(shop: Shop, case: Case) -> dict[str, Any]:
    """Trains one network: its test accuracy, and the processor's seconds in training."""
    budget = BUDGETS[case.budget].model_copy(update={"full_precision": case.part})
    start = time.process_time()
    net, _ = shop.trained(network(case.bits), budget, derive(case.seed, 0, "beginning"))
    seconds = time.process_time() - start
    return {"accuracy": round(shop.score(net, shop.test), 4), "cpu_s": round(seconds, 1)}


def summary(runs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each budget, width and part: the mean accuracy, and how far it is above part 0."""
    rows = []
    for budget, bits, part in dict.fromkeys(case[:3] for case in cases()):
        named = [
            (str(Case(budget, bits, part, seed)), str(Case(budget, bits, 0.0, seed)))
            for seed in SEEDS
        ]
        pairs = [(runs[one], runs[start]) for one, start in named if {one, start} <= runs.keys()]
        if not pairs:
            continue
        points = [100 * (one["accuracy"] - start["accuracy"]) for one, start in pairs]
        reach = half_interval(points) if part and len(points) > 1 else None
        rows.append(
            {
                "budget": budget,
                "bits": bits,
                "part": part,
                "seeds": len(pairs),
                "percent": round(100 * statistics.mean(one["accuracy"] for one, _ in pairs), 2),
                "gain_points": round(statistics.mean(points), 2),
                "half_interval": None if reach is None else round(reach, 2),
                "time_ratio": round(
                    sum(one["cpu_s"] for one, _ in pairs)
                    / sum(start["cpu_s"] for _, start in pairs),
                    3,
                ),
            }
        )
    return rows


def kept(path: Path = RESULT) -> dict[str, Any]:
    """The runs in the result file, by name."""
    return json.loads(path.read_text())["runs"] if path.exists() else {}


def keep(name: str, found: Mapping[str, Any], path: Path = RESULT) -> None:
    """Adds a run to the result file; two processes may do so."""
    with locked(path):
        runs = {**kept(path), name: found}
        units = network(8).units
        told = {
            "command": "python benchmarks/beginning.py",
            "machine": machine(),
            "network": wording.structure(units),
            "budgets": {name: budget.model_dump(mode="json") for name, budget in BUDGETS.items()},
            "summary": summary(runs),
            "runs": {str(case): runs[str(case)] for case in cases() if str(case) in runs},
        }
        path.write_text(json.dumps(told, indent=1) + "\n")


def main() -> None:
    """Makes the runs that are missing."""
    todo = share_of(list(cases()), __doc__)
    torch.set_num_threads(1)
    settings = DataConfig(name="cifar10", augment=AugmentConfig(flip=True, shift=2))
    task = ImageClassification.make(settings, seed=0)
    shop = Shop.open("beginning", task, OnnxRuntimeCpu(), device=torch.device("cpu"), threads=1)
    for case in todo:
        if str(case) not in kept():
            keep(str(case), run(shop, case))
            print(case, json.dumps(kept()[str(case)]), flush=True)


if __name__ == "__main__":
    main()
