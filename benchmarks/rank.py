"""How well cheap scores order networks: Kendall's tau against accuracy after full training.

    make bench-rank
    .venv/bin/python benchmarks/rank.py --part 1/2     # every second network; part 2/2 beside it

Networks of studies/rank.yaml, evenly spread over the logarithm of their packed bytes, are trained
in full (`train` there) and tested on the test set. Then they are scored: by the supernet, trained
once, whose cut networks see held-out images alone and are not trained any further; by what screens
guess; and by packed bytes, multiplications and bit-operations, which cost nothing. Intervals are
bootstrapped over the networks. What is done goes to results/rank.json at once and is not done
again.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from bitwright.control.operators import sample
from bitwright.measure.cost import costs
from bitwright.records import Blueprint, Genome
from bitwright.seeds import derive, generator
from bitwright.space.joint import JointSpace, expand
from bitwright.study.parts import Parts
from bitwright.train.cutting import cut, inputs_for_norms
from bitwright.train.nursery import Nursery

HERE = Path(__file__).parent
STUDY = HERE / "studies" / "rank.yaml"
RESULT = HERE / "results" / "rank.json"
NETWORKS = 48
DRAWN = 2000  # of which the networks are chosen by their size
SEED = 0
RESAMPLES = 2000
FREE = ("packed_bytes", "macs", "bitops")
WANTED = 0.7


def networks(space: JointSpace) -> tuple[Genome, ...]:
    """Drawn networks, evenly spread over the logarithm of their size."""
    rng = generator(SEED, 0, "rank")
    drawn = [sample(space, rng) for _ in range(DRAWN)]
    sizes = np.log([costs(expand(space.decode(genome)))["packed_bytes"] for genome in drawn])
    chosen: dict[int, None] = {}
    for mark in np.linspace(sizes.min(), sizes.max(), NETWORKS):
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


def supernet_scores(found: Parts, blueprints: Sequence[Blueprint]) -> dict[str, Any]:
    """The supernet's word on each network, and what it costs."""
    config = found.config
    with tempfile.TemporaryDirectory() as folder:
        nursery = Nursery(found.shop, found.space, config.supernet, Path(folder), SEED)
        start = time.process_time()
        nursery.grown(
            lambda p: (
                print(f"supernet {p.done}/{p.total} {p.loss:.3f}", flush=True)
                if p.done % 500 == 0
                else None
            ),
            lambda: None,
        )
        trained = time.process_time()
        supernet = nursery.supernet()
    inputs = inputs_for_norms(found.shop, config.supernet, SEED)
    scores = [found.shop.score(cut(supernet, b, inputs), found.shop.held) for b in blueprints]
    each = (time.process_time() - trained) / len(scores)
    return {"scores": scores, "once_cpu_s": round(trained - start, 1), "each_cpu_s": round(each, 3)}


def tau(truths: Sequence[float], scores: Sequence[float]) -> dict[str, Any]:
    """Kendall's tau with its 95 % interval over resampled networks."""
    a, b = np.array(truths), np.array(scores)
    rng = np.random.default_rng(0)
    picks = (rng.integers(len(a), size=len(a)) for _ in range(RESAMPLES))
    again = [float(kendalltau(a[rows], b[rows]).statistic) for rows in picks]
    low, high = np.nanpercentile(again, [2.5, 97.5])
    found = float(kendalltau(a, b).statistic)
    return {"tau": round(found, 3), "interval": [round(float(low), 3), round(float(high), 3)]}
