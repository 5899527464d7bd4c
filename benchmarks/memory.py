"""Whether a study's memory grows with its trials: 200 tiny ones, in one process.

    make bench-memory

A whole search on the digits, every part of it real: candidates are trained, exported, measured and
recorded. The resident memory after each trial goes to results/memory.json; from trial 20, by when
all code is loaded, to trial 200 it may grow by 2 %.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from machine import machine

from bitwright.config import StudyConfig
from bitwright.records import Outcome
from bitwright.study.session import run
from bitwright.study.watch import Watcher

RESULT = Path(__file__).parent / "results" / "memory.json"
TRIALS, FROM = 200, 20
ALLOWED = 0.02
STUDY = {
    "data": "digits",
    "space": "tiny",
    "threads": 1,
    "sensitivity": {"enabled": False},
    "search": {"options": {"batch": 4, "population": 20}, "iterations": TRIALS // 4},
    "train": {"epochs": 1, "images": 512, "batch": 64, "learning_rate": 0.01},
    "final": {"epochs": 1, "images": 512, "batch": 64, "learning_rate": 0.01},
    "baseline": False,
}


class Scales(Watcher):
    """The resident memory after each trial, in bytes."""

    def __init__(self) -> None:
        self.resident: list[int] = []

    def trial_done(self, outcome: Outcome) -> None:
        """Weighs."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.resident.append(pages * os.sysconf("SC_PAGE_SIZE"))


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--result", type=Path, default=RESULT)
    chosen = options.parse_args()
    scales = Scales()
    with tempfile.TemporaryDirectory() as folder:
        run(StudyConfig.from_mapping(STUDY), Path(folder) / "memory", scales)
    megabytes = [round(value / 1e6, 2) for value in scales.resident]
    growth = megabytes[TRIALS - 1] / megabytes[FROM - 1] - 1
    result = {
        "machine": machine(),
        "resident_mb": {str(n): megabytes[n - 1] for n in range(FROM, TRIALS + 1, 20)},
        "growth": round(growth, 4),
        "growth_allowed": ALLOWED,
    }
    chosen.result.parent.mkdir(exist_ok=True)
    chosen.result.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
