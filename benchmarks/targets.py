"""Whether the search responds to its target: each one's winner, judged on all of them.

    make bench-targets    # most of an hour on one core, with what cortex-m4 needs installed
    .venv/bin/python benchmarks/targets.py --part 1/2    # every second target; part 2/2 beside it
    .venv/bin/python docs/results_targets.py    # the page's matrix

`studies/targets.yaml` is searched once for every target: the same data, space, reward and seed.
Then each winner's file is measured on every target, and scored there by the same reward, with the
held-out accuracy that it has anyway. A search that responds has its own winner first on its target.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch
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


def study(target: str, *overrides: str) -> StudyConfig:
    """The benchmark's study for that target."""
    return StudyConfig.read(STUDY, [f"target={target}", *overrides])


def model_of(target: str) -> Path:
    """The file of the target's winner."""
    return RUNS / target.replace(":", "-") / "model.onnx"


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


def matrix(winners: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """The reward of each winner on each target, divided by that of the target's own winner."""
    rewards: dict[str, dict[str, float | None]] = {}
    for name, one in winners.items():
        rewards[name] = {}
        for target, found in one["measured"].items():
            values = {**found, "accuracy": one["accuracy"]}
            score = None if "refused" in found else reward_of(study(target)).score(values)
            rewards[name][target] = score
    return {
        name: {
            target: None if score is None else round(score / (rewards[target][target] or 1), 4)
            for target, score in row.items()
        }
        for name, row in rewards.items()
    }


def main() -> None:
    """Searches for every target that has no winner yet, and judges all of them."""
    todo = share_of(TARGETS, __doc__)
    torch.set_num_threads(1)
    for target in todo:
        if target in kept():
            continue
        start = time.process_time()
        found = run(study(target), model_of(target).parent)
        one = winner(found, time.process_time() - start)
        keep({target: one})
        print(f"{target}: {one['structure']}", flush=True)
    keep({})


def kept() -> dict[str, Any]:
    """The winners in the result file whose files are there too."""
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    before = result.get("winners", {}).items()
    return {name: one for name, one in before if model_of(name).exists()}


def keep(found: Mapping[str, Any]) -> None:
    """Adds winners, judges all so far on all of their targets; two processes may do so."""
    with locked(RESULT):
        known = {**kept(), **found}
        winners = {name: known[name] for name in TARGETS if name in known}
        for name, one in winners.items():
            one["measured"] = {to: judged(model_of(name), make(to)) for to in winners}
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
