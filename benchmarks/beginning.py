"""What a training gains whose first steps are in full precision: the same network with and without.

    make bench-beginning
    .venv/bin/python benchmarks/beginning.py --part 1/2     # every second run; part 2/2 beside it

A CIFAR-10 network, trained for a candidate's budget and for a longer one, and a network for the
1,797 small digits, with weights of different bits and activations of 8, and with different parts of
the steps before anything is quantized. The runs of a seed start from the same weights and see the
same batches; what counts is the difference in test accuracy to the run that is quantized from the
start. Every finished run goes to results/beginning.json at once and is not made again.
"""

import dataclasses
import functools
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
from bitwright.graph import Shape
from bitwright.records import Blueprint
from bitwright.report import wording
from bitwright.seeds import derive
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.tasks.image_classification import ImageClassification
from bitwright.testing.networks import blueprint_of
from bitwright.train.shop import Shop

RESULT = Path(__file__).parent / "results" / "beginning.json"
BUDGET = functools.partial(TrainConfig, batch=64, learning_rate=0.01)


@dataclasses.dataclass(frozen=True)
class Setting:
    """Data, a network of stages, a budget, and what is tried of it."""

    data: DataConfig
    shape: Shape
    stages: tuple[dict[str, Any], ...]
    budget: TrainConfig
    bits: tuple[int, ...]
    parts: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)
    seeds: int = 3

    def network(self, bits: int) -> Blueprint:
        """The network, all of its weights of so many bits."""
        return blueprint_of(
            *self.stages, weight=f"lsq:{bits}", activation="lsq:8", shape=self.shape
        )


CIFAR = functools.partial(
    Setting,
    DataConfig(name="cifar10", augment=AugmentConfig(flip=True, shift=2)),
    (3, 32, 32),
    (
        {"name": "stem", "width": 16, "stride": 2},
        {"name": "body1", "width": 16},
        {"name": "body2", "kinds": "residual", "width": 24, "stride": 2},
        {"name": "body3", "kinds": "residual", "width": 32, "stride": 2},
    ),
)
SETTINGS = {
    "candidate": CIFAR(BUDGET(epochs=2, images=20_000), (2, 3, 4, 8)),
    "final": CIFAR(BUDGET(epochs=10, images=20_000), (2, 4, 8), (0.0, 0.4)),
    "digits": Setting(
        DataConfig(name="digits"),
        (1, 8, 8),
        (
            {"name": "stem", "width": 8},
            {"name": "body1", "kinds": "depthwise_separable", "width": 16},
            {"name": "body2", "kinds": "residual", "width": 24, "stride": 2},
        ),
        BUDGET(epochs=25),
        (2, 4, 8),
        seeds=5,
    ),
}


class Case(NamedTuple):
    """One training; `part` of its steps comes before the quantizers."""

    setting: str
    bits: int
    part: float
    seed: int

    def __str__(self) -> str:
        return f"{self.setting} {self.bits} {self.part:g} {self.seed}"


def cases() -> Iterator[Case]:
    """All of them, seed by seed, so that a benchmark cut short has whole comparisons."""
    for seed in range(max(setting.seeds for setting in SETTINGS.values())):
        for name, setting in SETTINGS.items():
            for bits in setting.bits if seed < setting.seeds else ():
                for part in setting.parts:
                    yield Case(name, bits, part, seed)


@functools.cache
def shop_of(name: str) -> Shop:
    """Where the networks of a setting are trained."""
    task = ImageClassification.make(SETTINGS[name].data, seed=0)
    return Shop.open("beginning", task, OnnxRuntimeCpu(), device=torch.device("cpu"), threads=1)


def run(case: Case) -> dict[str, Any]:
    """Trains one network: its test accuracy, and the processor's seconds in training."""
    setting, shop = SETTINGS[case.setting], shop_of(case.setting)
    budget = setting.budget.model_copy(update={"full_precision": case.part})
    start = time.process_time()
    net, _ = shop.trained(setting.network(case.bits), budget, derive(case.seed, 0, "beginning"))
    seconds = time.process_time() - start
    return {"accuracy": round(shop.score(net, shop.test), 4), "cpu_s": round(seconds, 1)}


def summary(runs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each setting, width and part: the mean accuracy, and how far it is above part 0."""
    rows = []
    for name, bits, part in dict.fromkeys(case[:3] for case in cases()):
        named = [
            (str(Case(name, bits, part, seed)), str(Case(name, bits, 0.0, seed)))
            for seed in range(SETTINGS[name].seeds)
        ]
        pairs = [(runs[one], runs[start]) for one, start in named if {one, start} <= runs.keys()]
        if not pairs:
            continue
        points = [100 * (one["accuracy"] - start["accuracy"]) for one, start in pairs]
        reach = half_interval(points) if part and len(points) > 1 else None
        rows.append(
            {
                "setting": name,
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
        told = {
            "command": "python benchmarks/beginning.py",
            "machine": machine(),
            "settings": {
                name: {
                    "data": setting.data.name,
                    "network": wording.structure(setting.network(8).units),
                    "train": setting.budget.model_dump(mode="json"),
                }
                for name, setting in SETTINGS.items()
            },
            "summary": summary(runs),
            "runs": {str(case): runs[str(case)] for case in cases() if str(case) in runs},
        }
        path.write_text(json.dumps(told, indent=1) + "\n")


def main() -> None:
    """Makes the runs that are missing."""
    todo = share_of(list(cases()), __doc__)
    torch.set_num_threads(1)
    for case in todo:
        if str(case) not in kept():
            keep(str(case), run(case))
            print(case, json.dumps(kept()[str(case)]), flush=True)


if __name__ == "__main__":
    main()
