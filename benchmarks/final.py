"""From nothing to a final network within a size: search, training, export, test, in three hours.

    make bench-final                               # every one of them, hours each
    .venv/bin/python benchmarks/final.py cifar10   # one; stop it with Ctrl-C, the same line goes on

Each is an ordinary study of `studies/`, run by the ordinary program. What it hands over is tested
once, on all test images; its packed bytes count scales and biases. Time is that of all sittings
together. The result and the network itself go to results/.
"""

import argparse
import json
import resource
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from machine import machine
from winner import structure

from bitwright.config import StudyConfig
from bitwright.records import Outcome
from bitwright.study.session import run
from bitwright.study.view import StudyView
from bitwright.study.watch import Watcher

HERE = Path(__file__).parent
RESULT = HERE / "results" / "final.json"
WANTED = {  # test accuracy, within so many packed bytes
    "cifar10": (0.85, 25_000),
    "cifar10-large": (0.878, 78_000),
    "fashion": (0.932, 32_000),
}
WALL_HOURS = 3.0  # that the whole may take, on two cores


class Sittings(Watcher):
    """The time of every sitting, kept beside the study."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: list[dict[str, float]] = self.read(path)
        self._start = time.monotonic()

    @staticmethod
    def read(path: Path) -> list[dict[str, float]]:
        """CPU and wall seconds of each sitting so far."""
        return json.loads(path.read_text()) if path.exists() else []

    def note(self) -> None:
        """Writes down how long this sitting has taken until now."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu = sum(one.ru_utime + one.ru_stime for one in used)
        now = {"cpu_s": round(cpu, 1), "wall_s": round(time.monotonic() - self._start, 1)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps([*self._before, now]))

    def phase(self, name: str, detail: str = "") -> None:
        """Said aloud: a run of hours should show where it is."""
        print(f"{time.strftime('%H:%M')} {name} {detail}", flush=True)
        self.note()

    def trial_done(self, outcome: Outcome) -> None:
        """Noted, and said."""
        accuracy = outcome.metric("accuracy")
        size = outcome.metric("packed_bytes")
        print(f"trial {outcome.number}: {outcome.state} {accuracy} {size}", flush=True)
        self.note()


def told(
    name: str, study: Mapping[str, Any], view: StudyView, sittings: list[dict[str, float]]
) -> dict[str, Any]:
    """What a finished study comes to."""
    final = view.final
    assert final is not None  # it has finished
    accuracy, size = WANTED[name]
    found, packed = final.test_accuracy or 0.0, final.packed_bytes or 0.0
    return {
        "command": f"python benchmarks/final.py {name}",
        "machine": machine(),
        "study": dict(study),
        "wanted": {"test_accuracy": accuracy, "packed_bytes": size, "wall_hours": WALL_HOURS},
        "reached": found >= accuracy and packed <= size,
        "cpu_s": round(sum(one["cpu_s"] for one in sittings), 1),
        "wall_s": round(sum(one["wall_s"] for one in sittings), 1),
        "sittings": len(sittings),
        "trials": len(view.outcomes),
        "complete": sum(outcome.state == "complete" for outcome in view.outcomes),
        "network": {
            key: getattr(final, key)
            for key in (
                "accuracy",
                "test_accuracy",
                "packed_bytes",
                "file_bytes",
                "latency_ms",
                "macs",
                "bitops",
                "peak_activation_bytes",
            )
        },
        "proof": dict(final.proof),
        **structure(final),
        "curve": [list(point) for point in final.curve],
    }


def main() -> None:
    """Runs a study to its end, or on, and keeps what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(WANTED))
    parser.add_argument("--out", type=Path, help="the study's folder: runs/final-NAME")
    given = parser.parse_args()
    path = HERE / "studies" / f"{given.name}.yaml"
    out = given.out or Path("runs") / f"final-{given.name}"
    sittings = Sittings(out / "sittings.json")
    try:
        view = run(StudyConfig.read(path), out, sittings)
    finally:
        sittings.note()
    found = told(
        given.name, yaml.safe_load(path.read_text()), view, sittings.read(out / "sittings.json")
    )
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    results[given.name] = found
    RESULT.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
    assert view.final is not None and view.final.model is not None
    shutil.copyfile(out / view.final.model, RESULT.with_name(f"final-{given.name}.onnx"))
    print(
        json.dumps({key: found[key] for key in ("reached", "network", "cpu_s", "wall_s")}, indent=1)
    )


if __name__ == "__main__":
    main()
