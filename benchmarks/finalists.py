"""What it brings to train several networks to the end, and to hand over the best of them.

    make bench-finalists    # some twenty minutes on one core, goes on where it stopped

`studies/finalists.yaml` is searched under every seed; four of its Pareto set get the final
training. The first of them is what would have been handed over alone. Held-out images choose among
them, test images say what came of it. Every seed goes to results/finalists.json at once.
"""

import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from interval import half_interval
from machine import machine
from parting import locked, share_of

from bitwright.config import StudyConfig
from bitwright.study.session import run
from bitwright.study.view import Entry, StudyView

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "finalists.yaml"
RESULT = HERE / "results" / "finalists.json"
SEEDS = range(8)


def told(found: StudyView) -> dict[str, Any]:
    """The networks that were trained to the end, in the order of their trials' rewards."""
    before = {outcome.number: outcome for outcome in found.outcomes}
    final = found.final
    assert final is not None  # the study has ended

    def numbers(entry: Entry) -> dict[str, Any]:
        assert entry.trial is not None  # finalists are trials
        return {
            "trial": entry.trial,
            "trial_accuracy": before[entry.trial].metric("accuracy"),
            "accuracy": entry.accuracy,
            "test_accuracy": entry.test_accuracy,
            "packed_bytes": entry.packed_bytes,
            "handed_over": entry.trial == final.trial,
        }

    ordered = sorted(
        map(numbers, found.finalists), key=lambda one: (-one["trial_accuracy"], one["trial"])
    )
    return {"candidates": len(found.outcomes), "finalists": ordered}


def summary(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Points of test accuracy that the one handed over is ahead of the first, over the seeds."""
    gains = [_gain(run["finalists"]) for run in runs.values()]
    half = half_interval(gains) if len(gains) > 1 else None
    return {
        "seeds": len(gains),
        "gains": [round(gain, 2) for gain in gains],
        "mean": round(statistics.mean(gains), 2),
        "half_interval": None if half is None else round(half, 2),
        "first_stays": sum(run["finalists"][0]["handed_over"] for run in runs.values()),
    }


def _gain(finalists: list[dict[str, Any]]) -> float:
    (chosen,) = (one for one in finalists if one["handed_over"])
    return float(100 * (chosen["test_accuracy"] - finalists[0]["test_accuracy"]))


def kept() -> dict[str, Any]:
    """The runs in the result file, by seed."""
    return json.loads(RESULT.read_text())["runs"] if RESULT.exists() else {}


def keep(seed: int, found: Mapping[str, Any]) -> None:
    """Adds a seed to the result file; two processes may do so."""
    with locked(RESULT):
        runs = dict(sorted({**kept(), str(seed): found}.items()))
        result = {
            "command": "make bench-finalists",
            "machine": machine(),
            "summary": summary(runs),
            "runs": runs,
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    """Makes the runs that are missing."""
    torch.set_num_threads(1)
    for seed in share_of(list(SEEDS), __doc__):
        if str(seed) in kept():
            continue
        study = StudyConfig.read(STUDY, [f"search.seed={seed}"])
        with tempfile.TemporaryDirectory() as folder:
            keep(seed, told(run(study, Path(folder) / "finalists")))
        print(seed, json.dumps(summary(kept())), flush=True)


if __name__ == "__main__":
    main()
