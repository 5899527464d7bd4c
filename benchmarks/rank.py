"""How well cheap scores order networks: Kendall's tau against accuracy after full training.

    make bench-rank
    .venv/bin/python benchmarks/rank.py --part 1/2     # every second network; part 2/2 beside it

Networks of studies/rank.yaml, evenly spread over the logarithm of their packed bytes, are trained
in full (`train` there) and tested on the test set. Then they are scored: by the supernet, trained
once and kept in runs/rank, whose cut networks see held-out images alone, as they are and after a
small part of the training (`search.tuning` there, as the evaluator `supernet` does it); by what
screens guess; and by packed bytes, multiplications and bit-operations, which cost nothing.
Intervals are bootstrapped over the networks. What is done goes to results/rank.json at once and is
not done again.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from machine import machine
from parting import locked, share_of
from scipy.stats import kendalltau

from bitwright.config import StudyConfig
from bitwright.control.operators import sample
from bitwright.control.reward import ACCURACY
from bitwright.control.screen import SCREENS
from bitwright.measure.cost import costs
from bitwright.records import Genome, Measurement, Outcome
from bitwright.seeds import derive, generator
from bitwright.space.joint import JointSpace, expand
from bitwright.study import parts
from bitwright.study.parts import Parts
from bitwright.train.cutting import Cutter
from bitwright.train.trainer import Hooks

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "rank.yaml"
RESULT = HERE / "results" / "rank.json"
RUNS = HERE.parent / "runs" / "rank"
MARKS, NETWORKS = 48, 40  # places along the logarithm of the size; the largest take too long
DRAWN = 2000  # of which the networks are chosen by their size
SEED = 0
RESAMPLES = 2000
FOLDS = 5  # the predictor learns four parts of the networks and is asked about the fifth
TUNED = "supernet, tuned"
FREE = ("packed_bytes", "macs", "bitops")
UNTRAINED = ("entropy", "naswot", "synflow")
WANTED = 0.7


def networks(space: JointSpace) -> tuple[Genome, ...]:
    """Drawn networks, evenly spread over the logarithm of their size."""
    rng = generator(SEED, 0, "rank")
    drawn = [sample(space, rng) for _ in range(DRAWN)]
    sizes = np.log([costs(expand(space.decode(genome)))["packed_bytes"] for genome in drawn])
    chosen: dict[int, None] = {}
    for mark in np.linspace(sizes.min(), sizes.max(), MARKS)[:NETWORKS]:
        near = np.argsort(np.abs(sizes - mark), kind="stable")
        chosen[next(int(at) for at in near if int(at) not in chosen)] = None
    return tuple(drawn[at] for at in chosen)


def truth(found: Parts, genome: Genome, number: int) -> dict[str, Any]:
    """A network trained in full."""
    blueprint = found.space.decode(genome)
    start = time.process_time()
    net, _ = found.shop.trained(blueprint, found.config.train, derive(SEED, number, "rank"))
    seconds = time.process_time() - start
    price = costs(expand(blueprint))
    return {
        "genome": genome.as_dict(),
        "accuracy": found.shop.score(net, found.shop.test),
        "cpu_s": round(seconds, 1),
        **{name: price[name] for name in FREE},
    }


def genomes(found: Parts, truths: Sequence[dict[str, Any]]) -> list[Genome]:
    """The networks that were trained."""
    return [Genome(found.space.space_id, tuple(one["genome"].items())) for one in truths]


def supernet(found: Parts, asked: Sequence[Genome], tuning: float) -> dict[str, Any]:
    """The supernet's word on each network, and what it costs.

    Its training counts by the clock, so that it may have been another run's.
    """
    bench = found.bench(found.space, RUNS)
    grown = found.nursery(found.space, RUNS).grown(_tell, lambda: None)
    cutter = Cutter(bench)
    scores = []
    start = time.process_time()
    for genome in asked:
        net = cutter(found.space.decode(genome))
        if tuning:
            known, seed = frozenset(net.layers), derive(SEED, 0, "tune")
            found.shop.tuned(net, found.config.train, seed, Hooks(), known, tuning)
        scores.append(found.shop.score(net, found.shop.held))
    each = (time.process_time() - start) / len(scores)
    return {"scores": scores, "once_cpu_s": round(grown.seconds, 1), "each_cpu_s": each}


def _tell(progress: Any) -> None:
    if progress.done % 200 == 0:
        print(f"supernet {progress.done}/{progress.total} {progress.loss:.3f}", flush=True)


def untrained(found: Parts, name: str, asked: Sequence[Genome]) -> dict[str, Any]:
    """A training-free score of each network."""
    screen = SCREENS.get(name).make(found.bench(found.space, Path()))
    start = time.process_time()
    scores = list(screen.scores(asked) or ())
    each = (time.process_time() - start) / len(asked)
    return {"scores": scores, "once_cpu_s": 0.0, "each_cpu_s": each}


def predicted(found: Parts, truths: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a predictor says of each network that has learned the other folds' accuracies."""
    asked = genomes(found, truths)
    scores = np.zeros(len(asked))
    start = time.process_time()
    for fold in range(FOLDS):
        screen = SCREENS.get("predictor").make(found.bench(found.space, Path()))
        rows = [row for row in range(len(asked)) if row % FOLDS != fold]
        screen.learn([_outcome(asked[row], truths[row], row) for row in rows])
        others = [row for row in range(len(asked)) if row % FOLDS == fold]
        told = screen.estimates([asked[row] for row in others])
        assert told is not None  # 32 accuracies are enough
        scores[others] = [estimate.accuracy for estimate in told]
    each = (time.process_time() - start) / len(asked)
    learned = sum(one["cpu_s"] for one in truths) * (FOLDS - 1) / FOLDS
    return {"scores": scores.tolist(), "once_cpu_s": round(learned, 1), "each_cpu_s": each}


def _outcome(genome: Genome, found: dict[str, Any], number: int) -> Outcome:
    metrics = (
        (ACCURACY, Measurement(found["accuracy"])),
        *((name, Measurement(float(found[name]))) for name in FREE),
    )
    return Outcome(number, number, genome, "complete", found["accuracy"], metrics)


def tau(truths: Sequence[float], scores: Sequence[float]) -> dict[str, Any]:
    """Kendall's tau with its 95 % interval over resampled networks."""
    a, b = np.array(truths), np.array(scores)
    rng = np.random.default_rng(0)
    picks = (rng.integers(len(a), size=len(a)) for _ in range(RESAMPLES))
    again = [float(kendalltau(a[rows], b[rows]).statistic) for rows in picks]
    low, high = np.nanpercentile(again, [2.5, 97.5])
    found = float(kendalltau(a, b).statistic)
    return {"tau": round(found, 3), "interval": [round(float(low), 3), round(float(high), 3)]}


def kept() -> dict[str, Any]:
    """The result file."""
    return json.loads(RESULT.read_text()) if RESULT.exists() else {"networks": {}, "scores": {}}


def keep(part: str, name: str, value: dict[str, Any]) -> None:
    """Adds to the result file; two processes may do so."""
    with locked(RESULT):
        before = kept()
        before[part][name] = value
        done = dict(sorted(before["networks"].items(), key=lambda item: int(item[0])))
        result = {
            "command": "python benchmarks/rank.py",
            "machine": machine(),
            "study": yaml.safe_load(STUDY.read_text()),
            "wanted": WANTED,
            "summary": summary(list(done.values()), before["scores"]),
            "networks": done,
            "scores": before["scores"],
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


def summary(
    truths: Sequence[dict[str, Any]], scores: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The tau of each score, once all networks are trained."""
    if len(truths) < NETWORKS:
        return {}
    accuracies = [one["accuracy"] for one in truths]
    told = {name: tau(accuracies, [one[name] for one in truths]) for name in FREE}
    for name, found in scores.items():
        prices = {key: round(found[key], 3) for key in ("once_cpu_s", "each_cpu_s")}
        told[name] = {**tau(accuracies, found["scores"]), **prices}
    told["training in full"] = {
        "each_cpu_s": round(sum(one["cpu_s"] for one in truths) / len(truths), 1)
    }
    return told


def main() -> None:
    """Makes what is missing."""
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    found = parts.assemble(StudyConfig.read(STUDY), "rank")
    chosen = list(enumerate(networks(found.space)))
    for number, genome in share_of(chosen, __doc__):
        if str(number) not in kept()["networks"]:
            keep("networks", str(number), truth(found, genome, number))
            print(f"network {number}: {kept()['networks'][str(number)]['accuracy']}", flush=True)
    asked = [genome for _, genome in chosen]
    for name, tuning in (("supernet", 0.0), (TUNED, found.config.search.tuning)):
        if name not in kept()["scores"]:
            keep("scores", name, supernet(found, asked, tuning))
    for name in UNTRAINED:
        if name not in kept()["scores"]:
            keep("scores", name, untrained(found, name, asked))
    truths = list(kept()["networks"].values())
    if len(truths) == NETWORKS:
        keep("scores", "predictor", predicted(found, truths))
    print(json.dumps(kept()["summary"], indent=1))


if __name__ == "__main__":
    main()
