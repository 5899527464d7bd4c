"""How many evaluations a predictor saves, on tables of networks that were really trained.

    make bench-table                              # with BITWRIGHT_DATA set to the data folder
    .venv/bin/python benchmarks/table.py run --data FOLDER --tables device --seeds 10
    .venv/bin/python benchmarks/table.py report   # writes results/table.json
    .venv/bin/python docs/results_table.py        # the page's section

The mark is the mean regret that plain `evolution` has after 200 evaluations. Contenders are
controllers behind the screen `predictor`; what is counted are the evaluations until their mean
regret over the seeds is at the mark. The predictor is told what a study knows of a candidate before
it is trained: its decisions, and its size where the table holds one. A latency it must learn, or it
is told that too, as most targets foretell it. Intervals are bootstrapped over the seeds of both
sides. Each run is a line in runs/table.jsonl, so that what was interrupted goes on.
"""

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from controllers import BUDGET, Rewards, due, records, searched, table_of
from controllers_summary import RESAMPLES, band, rounded
from machine import machine
from nas_tables import TABLES, TITLES, Table

from bitwright.control.base import make
from bitwright.control.features import Features
from bitwright.control.predictor import Predictor
from bitwright.control.screened import Screened
from bitwright.records import Genome
from bitwright.seeds import derive

HERE = Path(__file__).parent
RESULT = HERE / "results" / "table.json"
RUNS = HERE.parent / "runs" / "table.jsonl"
SEEDS = 50
MARK = "evolution"
POINTS = tuple(range(20, 101, 10))  # evaluations after which the regret is told
KNOWN = ("packed_bytes",)  # metrics of the tables that a study knows before it trains
WANTED = 1 / 3  # of plain evolution's evaluations
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """A controller, how many evaluations it has, and the pool that a predictor chooses from.

    `foretold` are metrics of the tables that it is told before training.
    """

    name: str
    budget: int
    pool: int | None = None
    foretold: tuple[str, ...] = ()

    def run(self, table: Table, seed: int) -> Rewards:
        """The rewards of one search."""
        options = {"objectives": table.objectives} if self.name == "nsga" else {}
        plain = make(self.name, table.space, options, seed=derive(seed, 0, "controller"))
        if self.pool is None:
            return searched(plain, table, seed, self.budget)
        told = (*KNOWN, *self.foretold)
        features = Features(table.space, lambda genome: known(table, genome, KNOWN))
        guided = Screened(
            plain,
            lambda: Predictor(Features(table.space, lambda one: known(table, one, told))),
            features=features,
            reward=table.reward,
            pool=self.pool,
            foretold=lambda genome: known(table, genome, self.foretold),
        )
        return searched(guided, table, seed, self.budget)


def known(table: Table, genome: Genome, names: Sequence[str]) -> dict[str, float]:
    """Those of a candidate's metrics that the table holds."""
    metrics = table.space.metrics(genome)
    return {name: metrics[name] for name in names if name in metrics}


CONTENDERS = {
    MARK: Contender("evolution", BUDGET),
    "evolution, pool of 64": Contender("evolution", POINTS[-1], 64),
    **{
        f"evolution, pool of {pool}, latency foretold": Contender(
            "evolution", POINTS[-1], pool, ("latency_ms",)
        )
        for pool in (32, 64)
    },
    "evolution, pool of 256": Contender("evolution", POINTS[-1], 256),
    "random, pool of 64": Contender("random", POINTS[-1], 64),
}


def run(options: argparse.Namespace) -> None:
    """Carries out what is due."""
    data = options.data or os.environ.get("BITWRIGHT_DATA")
    if not data:
        sys.exit("name the data folder with --data or in BITWRIGHT_DATA; it holds nas/*.parquet")
    options.runs.parent.mkdir(parents=True, exist_ok=True)
    for name, contender, seed in list(due(options)):
        table = table_of(name, Path(data))
        if not set(CONTENDERS[contender].foretold) <= set(table.objectives):
            continue
        begun = time.process_time()
        rewards = CONTENDERS[contender].run(table, seed)
        record = {
            "table": name,
            "contender": contender,
            "seed": seed,
            "best": table.best(),
            "seconds": round(time.process_time() - begun, 3),
            "rewards": [round(reward, 8) for reward in rewards],
        }
        with options.runs.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def report(path: Path) -> None:
    """Writes the result file: what the runs so far come to."""
    regrets: dict[str, dict[str, dict[int, Floats]]] = {}
    seconds: dict[tuple[str, str], list[float]] = {}
    for record in records(path):
        table, contender = record["table"], record["contender"]
        reached = np.maximum.accumulate(record["rewards"])
        by_seed = regrets.setdefault(table, {}).setdefault(contender, {})
        by_seed[record["seed"]] = 100 * np.maximum(record["best"] - reached, 0)
        seconds.setdefault((table, contender), []).append(record["seconds"])
    tables = {
        table: {
            "title": TITLES[table],
            "contenders": {
                name: {
                    **told(_stacked(regrets[table][name]), _stacked(regrets[table][MARK])),
                    "seconds": round(float(np.mean(seconds[table, name])), 2),
                }
                for name in CONTENDERS
                if name in regrets[table]
            },
        }
        for table in TABLES
        if table in regrets
    }
    about: dict[str, Any] = {
        "command": "make bench-table",
        "seeds": SEEDS,
        "mark": MARK,
        "mark_evaluations": BUDGET,
        "wanted": round(WANTED * BUDGET),
        "evaluations": list(POINTS),
        "machine": machine(),
        "tables": tables,
    }
    RESULT.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _stacked(by_seed: Mapping[int, Floats]) -> Floats:
    return np.array([by_seed[seed] for seed in sorted(by_seed)])


def told(regrets: Floats, plain: Floats) -> dict[str, Any]:
    """A contender's regrets (seeds, evaluations), and when it is at the plain one's last mean."""
    rng = np.random.default_rng(0)
    again = [
        reached(_resampled(regrets, rng), _resampled(plain, rng)[:, -1].mean())
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(again, [0.025, 0.975], method="nearest")
    shown = regrets[:, [at - 1 for at in POINTS]]
    lows, highs = band(shown)
    return {
        "seeds": len(regrets),
        "regret": rounded(shown.mean(0)),
        "low": rounded(lows),
        "high": rounded(highs),
        "last": round(float(regrets[:, -1].mean()), 4),
        "at_mark": _or_none(reached(regrets, plain[:, -1].mean())),
        "at_mark_interval": [_or_none(float(low)), _or_none(float(high))],
    }


def reached(regrets: Floats, mark: float) -> float:
    """The evaluations after which the mean regret is at the mark; infinite where it never is."""
    there = np.flatnonzero(regrets.mean(0) <= mark)
    return float(there[0]) + 1 if len(there) else np.inf


def _resampled(regrets: Floats, rng: np.random.Generator) -> Floats:
    return regrets[rng.integers(len(regrets), size=len(regrets))]


def _or_none(evaluations: float) -> int | None:
    return int(evaluations) if np.isfinite(evaluations) else None


def main() -> None:
    """Carries out what is asked for."""
    parser = argparse.ArgumentParser(description="Evaluations that a predictor saves.")
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--data", help="the data folder; default: BITWRIGHT_DATA")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept")
    tables = [name for name in TABLES if name != "accuracy"]
    parser.add_argument("--tables", nargs="+", default=tables, choices=tables)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    if options.what == "run":
        run(options)
    else:
        report(options.runs)


if __name__ == "__main__":
    main()
