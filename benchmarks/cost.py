"""How much CPU time a search takes to find what 120 candidates trained from scratch find.

    make bench-cost
    .venv/bin/python benchmarks/cost.py --part 1/2     # every second search; part 2/2 beside it

Whole searches of Fashion-MNIST networks by the real loop, one thread each: random search, Optuna's
TPE and NSGA-II (both by the reward) with every candidate trained from scratch, and cheaper paths:
`nsga` behind the screen `predictor` whose candidates start from the weights of recorded relatives
(`evaluator: inherited`), are cut out of a supernet that goes on learning from each of them
(`shared`), or out of one that is trained before, which counts (`supernet`). Each of them gets a
tenth of the training, and the best in ten the whole (`halving`). What is compared is the
hypervolume that the candidates' exported files dominate, held-out accuracy against packed bytes,
and the CPU time until it is reached. Every finished search goes to results/cost.json at once and is
not made again.
"""

import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from interval import half_interval
from machine import machine
from parting import locked, share_of

from bitwright.config import StudyConfig
from bitwright.records import Outcome
from bitwright.report.hypervolume import hypervolume
from bitwright.study.session import run
from bitwright.study.watch import Watcher

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "cost.yaml"
RESULT = HERE / "results" / "cost.json"
SEEDS = (0, 1, 2)
TRIALS = 120  # of each search from scratch
SCRATCH: dict[str, dict[str, Any]] = {
    name: {"controller": name, "options": {"batch": 4}, "iterations": TRIALS // 4}
    for name in ("random", "optuna:TPESampler", "optuna:NSGAIISampler")
}
SCREENED: dict[str, Any] = {
    "controller": "nsga",
    "options": {"batch": 2},
    "screen": {"by": "predictor", "pool": 64},
    "common_seed": True,
}
STAGED = {**SCREENED, "iterations": TRIALS // 3, "tuning": 1.0, "halving": {"eta": 10, "rungs": 2}}
CHEAP: dict[str, dict[str, Any]] = {
    name: {**STAGED, "evaluator": name} for name in ("inherited", "shared", "supernet")
}
Searches = Mapping[str, Sequence[Mapping[str, Any]]]  # "name seed" to its trials
Verdicts = Callable[[Searches], dict[str, Any]]
LARGEST = 40_000.0  # bytes: what is larger dominates nothing
GUESS = 0.1  # accuracy of a guess
WANTED = 10.0  # times less CPU time


class Clock(Watcher):
    """Each candidate's accuracy and size, and the CPU time of the search until then."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._start = 0.0

    def phase(self, name: str, detail: str = "") -> None:
        """The clock runs from the first moment of the search, or of a supernet's training."""
        if name in ("supernet", "search") and not self._start:
            self._start = time.process_time()

    def trial_done(self, outcome: Outcome) -> None:
        """Noted."""
        self.found.append(
            {
                "cpu_s": round(time.process_time() - self._start, 2),
                "accuracy": outcome.metric("accuracy"),
                "packed_bytes": outcome.metric("packed_bytes"),
                "relative": outcome.relative,
                "fidelity": outcome.fidelity,
            }
        )


def study_of(
    settings: Mapping[str, Any], train: Mapping[str, Any] | None = None, path: Path = STUDY
) -> StudyConfig:
    """The study with these settings of its search, and of training."""
    study = yaml.safe_load(path.read_text())
    for key, changes in (("search", settings), ("train", train or {})):
        study[key] = {**study.get(key, {}), **changes}
    return StudyConfig.from_mapping(study)


def search(study: StudyConfig) -> list[dict[str, Any]]:
    """One whole search."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run(study, Path(folder) / "cost", clock)
    return clock.found


def trace(trials: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """(CPU seconds, hypervolume so far) after each candidate."""
    points: list[tuple[float, float]] = []
    traced = []
    for trial in trials:
        if trial["accuracy"] is not None:
            points.append((trial["accuracy"], trial["packed_bytes"]))
        volume = hypervolume(points, reference=(GUESS, LARGEST), ideal=(1.0, 0.0))
        traced.append((trial["cpu_s"], volume or 0.0))
    return traced


def reached(traced: Sequence[tuple[float, float]], mark: float) -> float | None:
    """CPU seconds until the mark; None where it was not reached."""
    return next((seconds for seconds, volume in traced if volume >= mark), None)


def verdict(searches: Searches) -> list[dict[str, Any]]:
    """For each seed and path: the marks that there are, and how many times less it took to each."""
    rows = [
        _row(searches, path, seed)
        for seed in SEEDS
        for path in CHEAP
        if f"{path} {seed}" in searches
    ]
    return [row for row in rows if row["against"]]


def _row(searches: Searches, path: str, seed: int) -> dict[str, Any]:
    traced = trace(searches[f"{path} {seed}"])
    against: dict[str, Any] = {}
    for name in (one for one in SCRATCH if f"{one} {seed}" in searches):
        seconds, mark = trace(searches[f"{name} {seed}"])[-1]
        until = reached(traced, mark)
        against[name] = {
            "hypervolume": round(mark, 4),
            "cpu_s": round(seconds, 1),
            "path_cpu_s": until,
            "times_less": None if until is None else round(seconds / until, 2),
        }
    seconds, volume = traced[-1]
    ends = {"ends_at": round(volume, 4), "ends_after_cpu_s": round(seconds, 1)}
    return {"seed": seed, "path": path, "against": against, **ends}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Path by path over the seeds: the geometric mean of the ratios where all reach the mark."""
    told: dict[str, Any] = {}
    for path in dict.fromkeys(row["path"] for row in rows):
        own = [row["against"] for row in rows if row["path"] == path]
        told[path] = {
            name: _over_seeds([one[name]["times_less"] for one in own if name in one])
            for name in SCRATCH
            if any(name in one for one in own)
        }
    return told


def _over_seeds(times_less: Sequence[float | None]) -> dict[str, Any]:
    """The mean and its 95 % interval, taken of the ratios' logarithms."""
    found = [one for one in times_less if one is not None]
    over: dict[str, Any] = {"reached": len(found), "of": len(times_less), "wanted": WANTED}
    mean, interval = None, None
    if len(found) == len(times_less):
        logs = [math.log(one) for one in found]
        middle = statistics.mean(logs)
        mean = round(math.exp(middle), 2)
        if len(logs) > 1:
            half = half_interval(logs)
            interval = [round(math.exp(middle + way * half), 2) for way in (-1, 1)]
    return {"times_less": mean, "interval": interval, **over}


def kept(path: Path = RESULT) -> dict[str, Any]:
    """The result file."""
    return json.loads(path.read_text()) if path.exists() else {"searches": {}}


def keep(
    name: str, trials: list[dict[str, Any]], path: Path = RESULT, verdicts: Verdicts | None = None
) -> None:
    """Adds a search to the result file; two processes may do so."""
    with locked(path):
        searches = {**kept(path)["searches"], name: trials}
        result = {
            "command": f"python benchmarks/{path.stem}.py",
            "machine": machine(),
            "study": yaml.safe_load(STUDY.with_stem(path.stem).read_text()),
            **(verdicts or told)(searches),
            "searches": dict(sorted(searches.items())),
        }
        path.write_text(json.dumps(result, indent=1) + "\n")


def told(searches: Searches) -> dict[str, Any]:
    """What the searches that there are come to."""
    rows = verdict(searches)
    reference = {"accuracy": GUESS, "packed_bytes": LARGEST}
    return {"reference": reference, "seeds": rows, "summary": summary(rows)}


def main() -> None:
    """Makes the searches that are missing."""
    searches = [(name, seed) for seed in SEEDS for name in {**CHEAP, **SCRATCH}]
    todo = share_of(searches, __doc__)
    torch.set_num_threads(1)
    for name, seed in todo:
        if f"{name} {seed}" in kept()["searches"]:
            continue
        found = search(study_of({"seed": seed, **{**SCRATCH, **CHEAP}[name]}))
        keep(f"{name} {seed}", found)
        print(f"{name} {seed}: {trace(found)[-1]}", flush=True)
    print(json.dumps(kept().get("summary"), indent=1))


if __name__ == "__main__":
    main()
