"""Regret of every controller on tables of networks that were really trained.

    make bench-controllers                              # with BITWRIGHT_DATA set to the data folder
    .venv/bin/python benchmarks/controllers.py run --data FOLDER --tables device --seeds 10
    .venv/bin/python benchmarks/controllers.py report   # writes results/controllers.json
    .venv/bin/python docs/results_controllers.py        # the page's section and its figure

50 seeds, 200 evaluations each, on the tables of nas_tables.py. Controllers have the product's
defaults; what differs from them stands in CONTENDERS. `optuna TPE` and `optuna NSGA-II` run
natively: Optuna's own study on a define-by-run objective over the same decisions, one trial after
the other. Each run is a line in runs/controllers.jsonl, so that what was interrupted goes on.
"""

import argparse
import dataclasses
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import optuna
from controllers_summary import summary
from nas_tables import TABLES, TITLES, Table

from bitwright.control.base import Controller, make
from bitwright.control.operators import walk
from bitwright.records import Choice, Genome, Pick
from bitwright.seeds import derive, generator

HERE = Path(__file__).parent
RESULT = HERE / "results" / "controllers.json"
RUNS = HERE.parent / "runs" / "controllers.jsonl"
SEEDS, BUDGET = 50, 200
Rewards = list[float]  # of every evaluation, in order


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """A controller by its name in a study file and the options that are no defaults."""

    name: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def run(self, table: Table, seed: int) -> Rewards:
        """The rewards of one search, iteration by iteration, as a study's loop goes."""
        options = dict(self.options)
        if self.name == "nsga":
            options["objectives"] = table.objectives
        controller = make(self.name, table.space, options, seed=derive(seed, 0, "controller"))
        return searched(controller, table, seed, BUDGET)


def searched(controller: Controller, table: Table, seed: int, budget: int) -> Rewards:
    """The rewards of so many evaluations, iteration by iteration, as a study's loop goes."""
    rewards: Rewards = []
    for iteration in range(-(-budget // controller.batch)):
        first = iteration * controller.batch
        outcomes = [
            table.outcome(number, iteration, controller.propose(number, rng))
            for number in range(first, first + controller.batch)
            for rng in (generator(seed, number, "propose"),)
        ]
        controller.learn(outcomes)
        rewards += [outcome.reward for outcome in outcomes]
    return rewards[:budget]


@dataclasses.dataclass(frozen=True, slots=True)
class Native:
    """An Optuna sampler in Optuna's own loop."""

    sampler: Callable[[int], optuna.samplers.BaseSampler]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # none: its defaults

    def run(self, table: Table, seed: int) -> Rewards:
        """The rewards of one search."""
        rewards: Rewards = []

        def objective(trial: optuna.Trial) -> float:
            def decide(choice: Choice) -> Pick:
                # Optuna allows a name one list of options: each list gets a name of its own.
                name = f"{choice.path} of {choice.options}"
                return cast(Pick, trial.suggest_categorical(name, choice.options))

            genome: Genome = walk(table.space, decide)
            rewards.append(table.score(genome))
            return rewards[-1]

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=self.sampler(seed))
        study.optimize(objective, n_trials=BUDGET)
        return rewards


CONTENDERS: dict[str, Contender | Native] = {
    "random": Contender("random"),
    "evolution": Contender("evolution"),
    "nsga": Contender("nsga"),
    "recurrent": Contender("recurrent"),
    "recurrent PPO": Contender("recurrent", {"algorithm": "ppo"}),
    "optuna TPE": Native(lambda seed: optuna.samplers.TPESampler(seed=seed)),
    "optuna NSGA-II": Native(lambda seed: optuna.samplers.NSGAIISampler(seed=seed)),
}


@functools.cache
def table_of(name: str, data: Path) -> Table:
    """The table, read once a process."""
    return TABLES[name](data / "nas")


def records(path: Path) -> list[dict[str, Any]]:
    """The runs there are."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def due(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """The runs that are asked for and not there yet."""
    there = {(each["table"], each["contender"], each["seed"]) for each in records(options.runs)}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for table in options.tables:
            for contender in options.contenders:
                if (table, contender, seed) not in there:
                    yield table, contender, seed


def run(options: argparse.Namespace) -> None:
    """Carries out what is due, for so many seconds at most."""
    data = options.data or os.environ.get("BITWRIGHT_DATA")
    if not data:
        sys.exit("name the data folder with --data or in BITWRIGHT_DATA; it holds nas/*.parquet")
    options.runs.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    for table, contender, seed in list(due(options)):
        if time.monotonic() - start > options.seconds:
            return
        begun = time.process_time()
        rewards = CONTENDERS[contender].run(table_of(table, Path(data)), seed)
        record = {
            "table": table,
            "contender": contender,
            "seed": seed,
            "best": table_of(table, Path(data)).best(),
            "seconds": round(time.process_time() - begun, 3),
            "rewards": [round(reward, 8) for reward in rewards],
        }
        with options.runs.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def report(path: Path) -> None:
    """Writes the result file: what the runs so far come to."""
    regrets: dict[tuple[str, str], dict[int, Any]] = {}
    for record in records(path):
        reached = np.maximum.accumulate(record["rewards"])
        found = regrets.setdefault((record["table"], record["contender"]), {})
        found[record["seed"]] = 100 * np.maximum(record["best"] - reached, 0)
    ordered = {
        (table, contender): regrets[table, contender]
        for table in TABLES
        for contender in CONTENDERS
        if (table, contender) in regrets
    }
    about = {
        "command": "make bench-controllers",
        "seeds": SEEDS,
        "options": {name: dict(one.options) for name, one in CONTENDERS.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    text = json.dumps(summary(ordered, TITLES, about), indent=1)
    RESULT.write_text(f"{text}\n", encoding="utf-8")


def main() -> None:
    """Carries out what is asked for."""
    parser = argparse.ArgumentParser(description="Regret of every controller on real tables.")
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--data", help="the data folder; default: BITWRIGHT_DATA")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    options = parser.parse_args()
    if options.what == "run":
        run(options)
    else:
        report(options.runs)


if __name__ == "__main__":
    main()
