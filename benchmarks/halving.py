"""What training candidates in stages saves a search, and what the score of a stage is worth.

    make bench-halving
    .venv/bin/python benchmarks/halving.py --part 1/2    # every second search; part 2/2 beside it

First, some candidates of `studies/halving.yaml` with 3 epochs are trained through the stages of
`search.halving`, and each stage's held-out accuracy is held against the last one's: Kendall's tau.
Then whole searches, random and `nsga`, one thread each: every candidate trained to the end, or in
stages. What is compared is the CPU time until the candidates that were trained to the end dominate
as much, held-out accuracy against packed bytes, as those of the search without stages do at its
end. Every finished search goes to results/halving.json at once and is not made again.
"""

import itertools
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cost import HERE, Searches, keep, kept, reached, search, study_of, trace
from parting import share_of

from bitwright.control.halving import Rungs
from bitwright.control.operators import sample
from bitwright.execute.base import Job
from bitwright.execute.place import Place
from bitwright.seeds import derive, generator
from bitwright.study.parts import assemble

STUDY = HERE / "studies" / "halving.yaml"
RESULT = HERE / "results" / "halving.json"
SEEDS = (0, 1)
TRAIN = {"epochs": 3}
TRIALS = 16  # of each search without stages
CANDIDATES = 20  # whose stages are held against their end
RANKED = Rungs(eta=3, count=3)
CONTROLLERS: dict[str, dict[str, Any]] = {
    "random": {"controller": "random", "options": {"batch": 4}},
    "nsga": {"controller": "nsga", "options": {"batch": 4, "population": 8}},
}
WAYS: dict[str, dict[str, Any]] = {
    "whole": {"iterations": TRIALS // 4},
    "stages": {"iterations": 9, "halving": {"eta": 3, "rungs": 2}},  # about as long
}
STAGES = "stages of candidates"  # the name of the first part in the result file
RESAMPLED = 2000  # times, for an interval


def stages() -> list[dict[str, Any]]:
    """Each candidate's accuracy and CPU time, stage by stage."""
    found = assemble(study_of({}, TRAIN, STUDY), "halving")
    told = []
    with tempfile.TemporaryDirectory() as folder:
        evaluator = found.evaluator(found.space, Path(folder))
        numbers = itertools.count()
        for candidate in range(CANDIDATES):
            genome = sample(found.space, generator(1, candidate, "propose"))
            before = None
            rungs = []
            for fidelity in RANKED.fidelities:
                job = Job(next(numbers), 0, genome, derive(1, candidate, "trial"))
                start = time.process_time()
                outcome = evaluator.evaluate(_stage(job, fidelity, before), Place())
                seconds = time.process_time() - start
                rungs.append({"accuracy": outcome.metric("accuracy"), "cpu_s": round(seconds, 2)})
                before = job.number
            told.append({"packed_bytes": outcome.metric("packed_bytes"), "stages": rungs})
    return told


def _stage(job: Job, fidelity: float, before: int | None) -> Job:
    return Job(job.number, 0, job.genome, job.seed, fidelity=fidelity, goes_on=before)


def tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's rank correlation; pairs that are equal in one count nothing."""
    pairs = list(itertools.combinations(zip(first, second, strict=True), 2))
    return float(np.mean([np.sign((a - c) * (b - d)) for (a, b), (c, d) in pairs]))


def ranking(candidates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each stage but the last: tau with the last, its 95 % interval, and the cost up to it."""
    rows = []
    whole = [candidate["stages"][-1] for candidate in candidates]
    spent = sum(stage["cpu_s"] for candidate in candidates for stage in candidate["stages"])
    rng = np.random.default_rng(0)
    for at, fidelity in enumerate(RANKED.fidelities[:-1]):
        scores = [candidate["stages"][at]["accuracy"] for candidate in candidates]
        ends = [stage["accuracy"] for stage in whole]
        drawn = (rng.integers(len(scores), size=len(scores)) for _ in range(RESAMPLED))
        taus = [tau([scores[i] for i in rows_], [ends[i] for i in rows_]) for rows_ in drawn]
        low, high = np.quantile(taus, (0.025, 0.975))
        until = (stage for candidate in candidates for stage in candidate["stages"][: at + 1])
        cost = sum(stage["cpu_s"] for stage in until)
        rows.append(
            {
                "fidelity": fidelity,
                "tau": round(tau(scores, ends), 3),
                "interval": [round(float(low), 3), round(float(high), 3)],
                "share_of_cpu": round(cost / spent, 3),
            }
        )
    return rows


def to_the_end(trials: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The trials; those that were trained in part dominate nothing."""
    return [
        {**trial, "accuracy": trial["accuracy"] if trial["fidelity"] == 1 else None}
        for trial in trials
    ]


def at_time(traced: Sequence[tuple[float, float]], seconds: float) -> float:
    """The hypervolume after so much CPU time."""
    return max((volume for spent, volume in traced if spent <= seconds), default=0.0)


def verdicts(searches: Searches) -> dict[str, Any]:
    """For each controller and seed: the mark, when stages reached it, and what they had by then."""
    rows = []
    for name, seed in itertools.product(CONTROLLERS, SEEDS):
        whole, staged = (searches.get(f"{name} {way} {seed}") for way in WAYS)
        if whole is None or staged is None:
            continue
        seconds, mark = trace(whole)[-1]
        traced = trace(to_the_end(staged))
        until = reached(traced, mark)
        rows.append(
            {
                "controller": name,
                "seed": seed,
                "candidates": len(whole),
                "hypervolume": round(mark, 4),
                "cpu_s": round(seconds, 1),
                "stages_cpu_s": until,
                "times_less": None if until is None else round(seconds / until, 2),
                "stages_new": sum(trial["fidelity"] < 1 for trial in staged),
                "stages_whole": sum(trial["fidelity"] == 1 for trial in staged),
                "stages_then": round(at_time(traced, seconds), 4),
                "stages_end": round(traced[-1][1], 4),
                "stages_end_cpu_s": round(traced[-1][0], 1),
            }
        )
    measured = searches.get(STAGES)
    return {"train": TRAIN, "ranking": ranking(measured) if measured else [], "seeds": rows}


def main() -> None:
    """Measures what is missing."""
    runs = [(name, way, seed) for way in WAYS for seed in SEEDS for name in CONTROLLERS]
    todo = share_of([None, *runs], __doc__)
    torch.set_num_threads(1)
    for one in todo:
        key = STAGES if one is None else " ".join(map(str, one))
        if key in kept(RESULT)["searches"]:
            continue
        if one is None:
            found = stages()
        else:
            name, way, seed = one
            found = search(study_of({"seed": seed, **CONTROLLERS[name], **WAYS[way]}, TRAIN, STUDY))
        keep(key, found, RESULT, verdicts)
        print(f"{key} is measured", flush=True)
    result = kept(RESULT)
    print(json.dumps({key: result.get(key) for key in ("ranking", "seeds")}, indent=1))


if __name__ == "__main__":
    main()
