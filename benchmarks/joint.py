"""Structure and bits searched together, against structure first and bits afterwards.

    make bench-joint
    .venv/bin/python benchmarks/joint.py --part 1/2     # every second run; part 2/2 beside it

CIFAR-10 networks within one size, by four ways that get the same CPU time to search in and the same
final training under the bits that they chose. Under quantization candidates inherit weights; in
full precision, where they all differ in structure, they are trained from scratch, which serves them
better:

- `joint`: Bitwright's search over structure and bits together.
- `uniform-8`, `uniform-4`: the structure is searched in full precision, by the same controller; the
  winner is then trained under 8-bit weights, or 4-bit weights, and 8-bit activations throughout.
  What a candidate may hold is counted at those bits, so that the network that comes out of it is
  within the size.
- `then-bits`: half of the time for a structure, in full precision, that fits at 4 bits; the other
  half for the bits of this one structure.

A fifth, `joint-scratch`, tells what of it is inheriting: `joint` with every candidate trained from
scratch.

Every finished run goes to results/joint.json at once and is not made again.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from interval import half_interval
from machine import machine
from parting import locked, share_of
from winner import structure

from bitwright.config import StudyConfig
from bitwright.records import Outcome, UnitSpec
from bitwright.study import session
from bitwright.study.interrupts import Paused
from bitwright.study.view import Entry, StudyView
from bitwright.study.watch import Watcher

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "joint.yaml"
RESULT = HERE / "results" / "joint.json"
SEEDS = (0, 1, 2)
SEARCH_CPU_S = 600.0
WANTED = 1.0  # points of test accuracy ahead
SCRATCH = {"evaluator": "scratch"}
FLOAT = {"evaluator": "full_precision:FullPrecision"}
Changes = Mapping[str, Any]


class Budget(Watcher):
    """Pauses the search when its CPU time is used up."""

    def __init__(self, seconds: float) -> None:
        self.used = 0.0
        self.trials = 0
        self._seconds = seconds
        self._start: float | None = None

    def phase(self, name: str, detail: str = "") -> None:
        """The clock runs during the search."""
        self._start = time.process_time() if name == "search" else None

    def trial_done(self, outcome: Outcome) -> None:
        """Looks at the clock."""
        self.trials += outcome.state != "infeasible"
        if self._start is not None:
            self.used = time.process_time() - self._start
            if self.used >= self._seconds:
                raise Paused


def study_of(seed: int, changes: Changes) -> dict[str, Any]:
    """The study file's mapping with these changes, section by section."""
    study: dict[str, Any] = yaml.safe_load(STUDY.read_text())
    study["search"]["seed"] = seed
    for key, values in changes.items():
        study[key] = {**study[key], **values} if key == "search" else values
    return study


def searched(study: Mapping[str, Any], out: Path, seconds: float) -> tuple[StudyView, Budget]:
    """The study as it stands when the search has used so many CPU seconds."""
    budget = Budget(seconds)
    try:
        session.run(StudyConfig.from_mapping(study), out, budget)
    except Paused:
        return session.view(out), budget
    raise RuntimeError("the search ended before its time was up; raise search.iterations")


def finished(study: Mapping[str, Any], out: Path, view: StudyView) -> StudyView:
    """The study to its end: no more candidates, the winner trained."""
    search = {**study["search"], "iterations": 1 + max(one.iteration for one in view.outcomes)}
    return session.run(StudyConfig.from_mapping({**study, "search": search}), out)


def uniform(bits: int) -> Changes:
    """A structure searched in full precision, then one policy throughout."""
    policy = {"weights": f"lsq:{bits}", "activations": "lsq:8"}
    return {"search": FLOAT, "quantization": {"mode": "fixed", "policy": policy}}


def pinned(units: Sequence[UnitSpec]) -> Changes:
    """A space that holds one structure, and all policies over it."""
    stages = []
    for unit in units:
        if unit.kind == "classifier":
            continue
        given = {key: [value] for key, value in unit.params}
        name = unit.path.replace("/", "_")
        stages.append({"name": name, "kinds": [unit.kind], **given})
    options = {**yaml.safe_load(STUDY.read_text())["search"]["options"], "policy": 1.0}
    return {"space": {"stages": stages}, "search": {"options": options}}


def joint(seed: int, folder: Path, seconds: float) -> dict[str, Any]:
    """Everything at once."""
    return _one_search(study_of(seed, {}), folder, seconds)


def joint_scratch(seed: int, folder: Path, seconds: float) -> dict[str, Any]:
    """Everything at once, every candidate from scratch."""
    return _one_search(study_of(seed, {"search": SCRATCH}), folder, seconds)


def uniform_8(seed: int, folder: Path, seconds: float) -> dict[str, Any]:
    """A float structure, then 8 bits."""
    return _one_search(study_of(seed, uniform(8)), folder, seconds)


def uniform_4(seed: int, folder: Path, seconds: float) -> dict[str, Any]:
    """A float structure, then 4-bit weights."""
    return _one_search(study_of(seed, uniform(4)), folder, seconds)


def then_bits(seed: int, folder: Path, seconds: float) -> dict[str, Any]:
    """A float structure, then a search for its bits."""
    first, spent = searched(study_of(seed, uniform(4)), folder / "structure", seconds / 2)
    assert first.best is not None  # candidates fit at 4 bits
    study = study_of(seed, pinned(first.best.units))
    found = _one_search(study, folder, seconds - spent.used)
    found["search_cpu_s"] += round(spent.used, 1)
    found["trained"] += spent.trials
    return found


WAYS = {
    "joint": joint,
    "uniform-4": uniform_4,
    "then-bits": then_bits,
    "uniform-8": uniform_8,
    "joint-scratch": joint_scratch,
}
LAST = ("uniform-8", "joint-scratch")  # runs that come last, in this order


def _one_search(study: Mapping[str, Any], folder: Path, seconds: float) -> dict[str, Any]:
    view, spent = searched(study, folder / "study", seconds)
    start = time.process_time()
    final = finished(study, folder / "study", view).final
    assert final is not None  # the study has ended
    return {
        "search_cpu_s": round(spent.used, 1),
        "final_cpu_s": round(time.process_time() - start, 1),
        "trained": spent.trials,
        **_network(final),
    }


def _network(final: Entry) -> dict[str, Any]:
    numbers = ("test_accuracy", "accuracy", "packed_bytes", "macs", "bitops")
    return {
        **{name: getattr(final, name) for name in numbers},
        **structure(final),
    }


def summary(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How far `joint` is ahead of each other way, seed by seed, in points of test accuracy."""
    told: dict[str, Any] = {}
    for way in WAYS:
        pairs = [
            (runs[f"joint {seed}"], runs[f"{way} {seed}"])
            for seed in SEEDS
            if {f"joint {seed}", f"{way} {seed}"} <= runs.keys()
        ]
        if way == "joint" or not pairs:
            continue
        points = [100 * (ours["test_accuracy"] - its["test_accuracy"]) for ours, its in pairs]
        told[way] = {
            "seeds": len(pairs),
            "points": [round(one, 2) for one in points],
            "mean": round(statistics.mean(points), 2),
            "half_interval": round(half_interval(points), 2) if len(points) > 1 else None,
            "smaller": round(
                statistics.mean(
                    1 - ours["packed_bytes"] / its["packed_bytes"] for ours, its in pairs
                ),
                3,
            ),
            "wanted": WANTED,
        }
    return told


def kept(path: Path = RESULT) -> dict[str, Any]:
    """The result file."""
    return json.loads(path.read_text()) if path.exists() else {"runs": {}}


def keep(name: str, run: Mapping[str, Any], path: Path = RESULT) -> None:
    """Adds a run to the result file; two processes may do so."""
    with locked(path):
        runs = {**kept(path)["runs"], name: run}
        result = {
            "command": "python benchmarks/joint.py",
            "machine": machine(),
            "study": yaml.safe_load(STUDY.read_text()),
            "search_cpu_s": SEARCH_CPU_S,
            "summary": summary(runs),
            "runs": dict(sorted(runs.items())),
        }
        path.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    """Makes the runs that are missing."""
    runs = [(way, seed) for seed in SEEDS for way in WAYS]
    order = {way: place for place, way in enumerate(LAST, 1)}
    todo = share_of(sorted(runs, key=lambda run: order.get(run[0], 0)), __doc__)
    torch.set_num_threads(1)
    for way, seed in todo:
        name = f"{way} {seed}"
        if name in kept()["runs"]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = WAYS[way](seed, Path(folder), SEARCH_CPU_S)
        keep(name, found)
        told = {key: value for key, value in found.items() if key not in ("units", "policy")}
        print(name, json.dumps(told), flush=True)
    print(json.dumps(kept().get("summary"), indent=1))


if __name__ == "__main__":
    main()
