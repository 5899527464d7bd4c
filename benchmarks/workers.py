"""Candidates an hour on two cores: two workers of one thread, one of one, and one of two.

    make bench-workers

A fixed list of random candidates of the `compact` space is evaluated on Fashion-MNIST by what a
study of each kind uses: trained, exported, measured. The three kinds alternate for several rounds
in one run; rates, and the ratios of their medians, go to results/workers.json. Two workers keep
their processes, as in a study: starting them is told apart.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import machine

from bitwright.config import StudyConfig
from bitwright.control.operators import sample
from bitwright.execute.base import Executor, Job
from bitwright.seeds import derive, generator
from bitwright.study import parts
from bitwright.study.folder import Folder
from bitwright.study.watch import Watcher

RESULT = Path(__file__).parent / "results" / "workers.json"
STUDY: dict[str, Any] = {
    "data": "fashion-mnist",
    "space": "compact",
    "train": {"epochs": 1, "images": 4000},
    "baseline": False,
}
ALLOWED = {"2x1 / 1x1": 1.7, "2x1 / 1x2": 1.1}  # at least


@dataclasses.dataclass(frozen=True)
class Kind:
    """So many workers with so many threads each."""

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}x{self.threads}"

    def parts(self) -> parts.Parts:
        """What such a study is made of; without a limit, threads would be all cores."""
        keys = {"workers": self.workers, "threads": self.threads}
        return parts.assemble(StudyConfig.from_mapping({**STUDY, **keys}), "workers")


KINDS = (Kind(2, 1), Kind(1, 1), Kind(1, 2))


def jobs(found: parts.Parts, count: int) -> list[Job]:
    """The same candidates each time."""
    return [
        Job(number, 0, sample(found.space, generator(0, number, "propose")), derive(0, number, "t"))
        for number in range(count)
    ]


def seconds(executor: Executor, work: Sequence[Job]) -> float:
    """Until the last of the jobs is done."""
    start = time.perf_counter()
    for job in work:
        executor.submit(job)
    while (outcome := executor.wait()) is not None:
        if outcome.state != "complete":
            raise RuntimeError(f"candidate {outcome.number} is {outcome.state}: {outcome.reason}")
    return time.perf_counter() - start


def measure(rounds: int, candidates: int) -> dict[str, Any]:
    """Candidates an hour of each kind, round by round, and what starting the workers took."""
    rates: dict[str, list[float]] = {str(kind): [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place) / "workers")
        folder.make()
        found = {kind: kind.parts() for kind in KINDS}
        work = jobs(found[KINDS[0]], candidates)
        with found[KINDS[0]].executor(found[KINDS[0]].space, folder.path, Watcher()) as pool:
            first = seconds(pool, work[:2])  # starts the processes
            again = seconds(pool, work[:2])
            for number in range(rounds):
                for kind in KINDS:
                    one = found[kind]
                    here = pool if kind.workers > 1 else _fresh(one, folder)
                    rate = 3600 * candidates / seconds(here, work)
                    rates[str(kind)].append(round(rate, 1))
                    print(f"round {number}, {kind}: {rate:.0f} candidates an hour", flush=True)
    return {"candidates_an_hour": rates, "starting_two_workers_s": round(first - again, 2)}


def _fresh(one: parts.Parts, folder: Folder) -> Executor:
    """In this process, with this kind's threads from now on."""
    return one.executor(one.space, folder.path, Watcher())


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--candidates", type=int, default=12)
    options.add_argument("--result", type=Path, default=RESULT)
    chosen = options.parse_args()
    found = measure(chosen.rounds, chosen.candidates)
    medians = {kind: statistics.median(v) for kind, v in found["candidates_an_hour"].items()}
    ratios = {
        "2x1 / 1x1": round(medians["2x1"] / medians["1x1"], 3),
        "2x1 / 1x2": round(medians["2x1"] / medians["1x2"], 3),
    }
    result = {
        "machine": machine(),
        "study": STUDY,
        "candidates": chosen.candidates,
        **found,
        "median": medians,
        "ratios": ratios,
        "ratios_at_least": ALLOWED,
    }
    chosen.result.parent.mkdir(exist_ok=True)
    chosen.result.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({"median": medians, "ratios": ratios}, indent=2))


if __name__ == "__main__":
    main()
