"""Accuracy of one fixed network under every transform at 8, 4, 3, 2 and 1 bits.

    .venv/bin/python benchmarks/transforms.py              # all runs, one after the other
    .venv/bin/python benchmarks/transforms.py --part 1/2   # every second run; part 2/2 beside it

Every layer's weights and activations are under the transform. One that has no part in a role, or
not that width, is paired with LSQ of the same bits there; DoReFa's 1-bit weights are XNOR-Net's.
Each finished run is added to results/transforms.json at once, and a run that stands there is not
made again; delete the file to begin anew. Images to train on, epochs and seeds are the same for
all, full precision too.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import torch
from machine import machine
from parting import locked, share_of

from bitwright.config import DataConfig, TrainConfig
from bitwright.quant.names import TRANSFORMS, traits_of
from bitwright.quant.spec import Role
from bitwright.records import Blueprint
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.tasks.image_classification import ImageClassification
from bitwright.testing.networks import blueprint_of
from bitwright.train.shop import Shop

RESULT = Path(__file__).parent / "results" / "transforms.json"
DATA = "fashion-mnist"
WIDTHS, SEEDS = (8, 4, 3, 2, 1), (0, 1, 2)
MORE_SEEDS = range(3, 10)  # for the promise about LSQ: three seeds leave it half a point of doubt
PROMISED = [("none", 32), ("lsq", 4)]
STAGES: tuple[dict[str, Any], ...] = (
    {"name": "stem", "kinds": "conv", "width": 16, "kernel": 5, "stride": 4},
    {"name": "body", "kinds": "residual", "width": 32, "stride": 2},
)
BUDGET = TrainConfig(epochs=10, images=12_000, batch=200, learning_rate=0.015)
SETTINGS = ("epochs", "images", "batch", "learning_rate")
STAND_IN = "lsq"  # where a transform has no such width in a role
FULL = "none:32"


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """One training: which transform at how many bits, from which seed."""

    transform: str
    bits: int
    seed: int

    def method(self, role: Role) -> str:
        """What the layers' weights or activations take."""
        if self.transform == "none":
            return FULL
        if (self.transform, self.bits, role) == ("dorefa", 1, "weight"):
            return "binary:1"
        fits = self.bits in traits_of(self.transform).bits(role)
        return f"{self.transform if fits else STAND_IN}:{self.bits}"

    def blueprint(self) -> Blueprint:
        """The fixed network under the run's methods."""
        return blueprint_of(
            *STAGES,
            weight=self.method("weight"),
            activation=self.method("activation"),
            shape=(1, 28, 28),
            classes=10,
        )

    def result(self, shop: Shop) -> dict[str, Any]:
        """Trains the network; its accuracy on the whole test set."""
        start = time.monotonic()
        net, curve = shop.trained(self.blueprint(), BUDGET, self.seed)
        return {
            **dataclasses.asdict(self),
            "weights": self.method("weight"),
            "activations": self.method("activation"),
            "test_accuracy": round(shop.score(net, shop.test), 4),
            "training_loss": [round(loss, 4) for _, loss, _ in curve],
            "seconds": round(time.monotonic() - start, 1),
        }


def runs() -> list[Run]:
    """Every run; seeds outermost, so that a table of fewer seeds is whole early."""
    combinations = [("none", 32)]
    for bits in WIDTHS:
        for name in TRANSFORMS:
            traits = traits_of(name)
            if bits in traits.weights + traits.activations:
                combinations.append((name, bits))
    table = [Run(name, bits, seed) for seed in SEEDS for name, bits in combinations]
    return table + [Run(name, bits, seed) for seed in MORE_SEEDS for name, bits in PROMISED]


def about() -> dict[str, Any]:
    """What all runs share."""
    return {
        "command": "python benchmarks/transforms.py",
        "machine": machine(),
        "data": DATA,
        "network": [dict(stage) for stage in STAGES],
        "budget": BUDGET.model_dump(
            mode="json", include={"epochs", "images", "batch", "learning_rate"}
        ),
        "stand_in": STAND_IN,
        "runs": [],
    }


class Results:
    """The result file, which two processes may add to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(exist_ok=True)

    def read(self) -> dict[str, Any]:
        """What stands there."""
        return json.loads(self._path.read_text()) if self._path.exists() else about()

    def done(self) -> set[Run]:
        """The runs that need not be made again."""
        return {Run(run["transform"], run["bits"], run["seed"]) for run in self.read()["runs"]}

    def add(self, run: dict[str, Any]) -> None:
        """Adds a run; the runs stay in one order whoever made them."""
        with locked(self._path):
            results = self.read()
            results["runs"].append(run)
            results["runs"].sort(key=lambda run: (-run["bits"], run["transform"], run["seed"]))
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(results, indent=1) + "\n")
            partial.replace(self._path)


def main() -> None:
    """Makes the runs that are missing."""
    todo = share_of(runs(), __doc__)
    torch.set_num_threads(1)
    results = Results(RESULT)
    task = ImageClassification.make(DataConfig(name=DATA), seed=0)
    shop = Shop.open("transforms", task, OnnxRuntimeCpu(), device=torch.device("cpu"), threads=1)
    for run in todo:
        if run in results.done():
            continue
        found = run.result(shop)
        results.add(found)
        print(f"{run}: {100 * found['test_accuracy']:.2f} % in {found['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
