"""How much of the chance in a candidate's accuracy is common to all that share a seed.

    python benchmarks/common_seed.py [--part k/n]    # some eight minutes on one core
    .venv/bin/python docs/results_common_seed.py     # the page's table

Networks for CIFAR-10 within some 10 kB, each trained as a candidate of `studies/joint.yaml`, under
every seed. With seeds of their own, networks are set apart by what a seed does to a network: the
deviation over seeds. With one seed for all (`search.common_seed`), what the seed does to all of
them alike falls away: the deviation of what is left when means of networks and of seeds are taken
off. Every finished run goes to results/common_seed.json at once and is not made again.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joint
import torch
from machine import machine
from networks import Unit, stack
from parting import locked, share_of

from bitwright.config import StudyConfig
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.study import parts
from bitwright.train.shop import Shop

RESULT = Path(__file__).parent / "results" / "common_seed.json"
SEEDS = (0, 1, 2, 3)


def conv(width: int, stride: int = 1) -> Unit:
    """A convolution."""
    return "conv", {"width": width, "stride": stride}


def residual(width: int) -> Unit:
    """Two convolutions and a sum."""
    return "residual", {"width": width, "stride": 1, "convs": 2}


NETWORKS: dict[str, tuple[list[Unit], tuple[int, ...]]] = {  # units, bits of their weights
    "plain": ([conv(8), conv(16), conv(24, 2), conv(24), conv(32, 2)], (4, 8, 4, 4, 2, 8)),
    "4 bits": (
        [conv(8), residual(8), conv(16, 2), residual(16), conv(24, 2), conv(24)],
        (4, 4, 4, 4, 4, 4, 4),
    ),
    "2 bits late": (
        [conv(8), residual(8), conv(16, 2), residual(16), conv(32, 2), conv(32)],
        (4, 4, 4, 4, 2, 2, 4),
    ),
    "2 bits late, deeper": (
        [conv(8), residual(8), conv(16, 2), residual(16), conv(32, 2), residual(32)],
        (4, 4, 3, 3, 2, 2, 4),
    ),
    "2 bits, wide": (
        [conv(12), residual(12), conv(24, 2), residual(24), conv(40, 2), conv(40)],
        (4, 3, 2, 2, 2, 2, 4),
    ),
}


def blueprint_of(name: str) -> Blueprint:
    """The network with its bits."""
    units, bits = NETWORKS[name]
    plain = stack(units, (3, 32, 32), 10, "lsq:4:channel", "lsq:8")
    of_unit = dict(zip((unit.path for unit in plain.units), bits, strict=True))
    policy = tuple(
        (site, Method.parse(f"lsq:{of_unit[site.unit]}:channel") if site.role == "weight" else at)
        for site, at in plain.policy
    )
    return dataclasses.replace(plain, policy=policy)


def trained(shop: Shop, config: StudyConfig, name: str, seed: int) -> dict[str, Any]:
    """One candidate's training."""
    start = time.process_time()
    net, _ = shop.trained(blueprint_of(name), config.train, seed)
    accuracy = shop.score(net, shop.held)
    return {"accuracy": accuracy, "cpu_s": round(time.process_time() - start, 1)}


def summary(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Deviations in points of accuracy; nothing until all runs are made."""
    table = {
        name: [runs[f"{name} {seed}"]["accuracy"] for seed in SEEDS if f"{name} {seed}" in runs]
        for name in NETWORKS
    }
    if any(len(row) < len(SEEDS) for row in table.values()):
        return {}
    networks = {name: statistics.mean(row) for name, row in table.items()}
    middle = statistics.mean(networks.values())
    by_seed = [statistics.mean(column) - middle for column in zip(*table.values(), strict=True)]
    left = [
        value - networks[name] - shift
        for name, row in table.items()
        for value, shift in zip(row, by_seed, strict=True)
    ]
    freedom = (len(NETWORKS) - 1) * (len(SEEDS) - 1)
    own = statistics.mean(statistics.variance(row) for row in table.values()) ** 0.5
    common = (sum(value**2 for value in left) / freedom) ** 0.5
    return {
        "own_seeds": round(100 * own, 2),
        "common_seed": round(100 * common, 2),
        "between_networks": round(100 * statistics.stdev(networks.values()), 2),
    }


def kept() -> dict[str, Any]:
    """The runs in the result file, by name."""
    return json.loads(RESULT.read_text())["runs"] if RESULT.exists() else {}


def keep(name: str, found: Mapping[str, Any], config: StudyConfig) -> None:
    """Adds a run to the result file; two processes may do so."""
    with locked(RESULT):
        runs = {**kept(), name: found}
        result = {
            "command": "python benchmarks/common_seed.py",
            "machine": machine(),
            "train": config.train.model_dump(mode="json"),
            "summary": summary(runs),
            "runs": dict(sorted(runs.items())),
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    """Makes the runs that are missing."""
    todo = share_of([(name, seed) for seed in SEEDS for name in NETWORKS], __doc__)
    torch.set_num_threads(1)
    config = StudyConfig.from_mapping(joint.study_of(0, {}))
    shop = parts.assemble(config, "common-seed").shop
    for name, seed in todo:
        if f"{name} {seed}" in kept():
            continue
        found = trained(shop, config, name, seed)
        keep(f"{name} {seed}", found, config)
        print(name, seed, found, flush=True)
    print(json.dumps(summary(kept()), indent=1))


if __name__ == "__main__":
    main()
