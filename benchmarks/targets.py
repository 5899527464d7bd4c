"""Whether the search responds to its target: each one's winner, judged on all of them.

    make bench-targets    # an hour and a half on one core, with what cortex-m4 needs installed
    .venv/bin/python benchmarks/targets.py --part 1/2    # every second search; part 2/2 beside it
    .venv/bin/python docs/results_targets.py    # the page's matrix

`studies/targets.yaml` is searched for every target under three seeds: the same data, space and
reward. Then each winner's file is measured on every target, and scored there by the same reward,
with the held-out accuracy that it has anyway. Searches that respond have their own winners first on
their target, in the mean over the seeds.
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from interval import half_interval
from machine import machine
from parting import locked, share_of

from bitwright.config import StudyConfig
from bitwright.export.onnx_reader import read
from bitwright.report.wording import structure
from bitwright.study.parts import reward_of
from bitwright.study.session import run
from bitwright.study.view import StudyView
from bitwright.targets.base import Target, make
from bitwright.targets.npu import roofline
from bitwright.targets.npu.accelerator import SHIPPED
from bitwright.targets.npu.target import Npu

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "targets.yaml"
RESULT = HERE / "results" / "targets.json"
RUNS = HERE.parent / "runs" / "targets"
TARGETS = (*(f"npu:{name}" for name in SHIPPED), "cortex-m4")
SEEDS = ("0", "1", "2")
Winners = Mapping[str, Mapping[str, Any]]  # by target, by seed
Cell = dict[str, float | None]


def study(target: str, *overrides: str) -> StudyConfig:
    """The benchmark's study for that target."""
    return StudyConfig.read(STUDY, [f"target={target}", *overrides])


def model_of(target: str, seed: str) -> Path:
    """The file of the target's winner under that seed."""
    return RUNS / f"{target.replace(':', '-')}-{seed}" / "model.onnx"


def winner(found: StudyView, seconds: float) -> dict[str, Any]:
    """What a search came to."""
    entry = found.final
    assert entry is not None  # a study that ended has its winner
    return {
        "structure": structure(entry.units),
        "policy": {str(site): str(method) for site, method in entry.policy},
        "accuracy": entry.accuracy,
        "test_accuracy": entry.test_accuracy,
        "packed_bytes": entry.packed_bytes,
        "trials": len(found.outcomes),
        "left_out": list(found.removed),
        "cpu_s": round(seconds, 1),
    }


def judged(model: Path, target: Target) -> dict[str, Any]:
    """What a file measures on a target; why not, where the target does not run it."""
    graph = read(model).graph
    reason = target.lacks(graph)
    if reason is not None:
        return {"refused": reason}
    measured: dict[str, Any] = {name: at.value for name, at in target.measure(model).items()}
    if isinstance(target, Npu):
        measured["bound_by"] = bounds(roofline.run(graph, target.accelerator))
    return measured


def bounds(found: roofline.NetworkRun) -> dict[str, float]:
    """The share of a network's cycles that each thing sets the pace of."""
    shares = {bound: 0.0 for bound in get_args(roofline.Bound)}
    for layer in found.layers:
        shares[layer.bound] += layer.cycles / found.cycles
    return {bound: round(share, 3) for bound, share in shares.items()}


def matrix(winners: Winners) -> dict[str, dict[str, Cell | None]]:
    """The rewards of each target's winners on each target, in the mean that of its own ones is 1.

    Of winners that a target does not run nothing counts there; None where it runs none.
    """
    rewards = {
        name: {
            to: [score for one in found.values() if (score := _reward(one, to))] for to in winners
        }
        for name, found in winners.items()
    }
    means = {name: statistics.mean(row[name]) for name, row in rewards.items()}
    return {
        name: {to: _cell([score / means[to] for score in found]) for to, found in row.items()}
        for name, row in rewards.items()
    }


def _reward(one: Mapping[str, Any], target: str) -> float | None:
    """What the target's own search would have made of the file; None where it does not run."""
    found = one["measured"][target]
    if "refused" in found:
        return None
    return reward_of(study(target)).score({**found, "accuracy": one["accuracy"]})


def _cell(shares: Sequence[float]) -> Cell | None:
    if not shares:
        return None
    half = round(half_interval(shares), 4) if len(shares) > 1 else None
    return {"mean": round(statistics.mean(shares), 4), "half_interval": half}


def main() -> None:
    """Searches for every target and seed that has no winner yet, and judges all of them."""
    todo = share_of([(target, seed) for seed in SEEDS for target in TARGETS], __doc__)
    torch.set_num_threads(1)
    for target, seed in todo:
        if seed in kept().get(target, {}):
            continue
        start = time.process_time()
        settings = study(target, f"search.seed={seed}")
        one = winner(run(settings, model_of(target, seed).parent), time.process_time() - start)
        keep(target, seed, one)
        print(f"{target} {seed}: {one['structure']}", flush=True)
    with locked(RESULT):
        judge(kept())


def kept() -> dict[str, dict[str, Any]]:
    """The winners in the result file whose files are there too, by target and seed."""
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    return {
        name: {seed: one for seed, one in found.items() if model_of(name, seed).exists()}
        for name, found in result.get("winners", {}).items()
    }


def keep(target: str, seed: str, one: Mapping[str, Any]) -> None:
    """Adds a winner; two processes may do so."""
    with locked(RESULT):
        known = kept()
        judge({**known, target: {**known.get(target, {}), seed: one}})


def judge(known: Winners) -> None:
    """Writes the result: every winner measured on every target that has one."""
    winners = {name: dict(sorted(known[name].items())) for name in TARGETS if known.get(name)}
    for name, found in winners.items():
        for seed, one in found.items():
            one["measured"] = {to: judged(model_of(name, seed), make(to)) for to in winners}
    settings = study(TARGETS[0])
    about = {
        "command": "make bench-targets",
        "machine": machine(),
        "data": settings.data.name,
        "reward": settings.reward.model_dump(mode="json"),
        "winners": winners,
        "matrix": matrix(winners),
    }
    RESULT.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
