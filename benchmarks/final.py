"""From nothing to a final network within a size or a time: search to test in three hours.

    make bench-final                               # every one of them, hours each
    .venv/bin/python benchmarks/final.py cifar10   # one; stop it with Ctrl-C, the same line goes on

Each is an ordinary study of `studies/`, run by the ordinary program. What it hands over is tested
once, on all test images; its packed bytes count scales and biases. Where a mark is one of speed, it
is timed in turns with an int8 ResNet-8. Time is that of all sittings together. The result and the
network itself go to results/.
"""

import argparse
import dataclasses
import json
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from latency import call_of, integers_of, random_images, turn
from machine import machine
from networks import resnet8
from winner import structure

from bitwright.config import StudyConfig
from bitwright.export.onnx_file import write
from bitwright.records import Outcome
from bitwright.study.session import run
from bitwright.study.view import StudyView
from bitwright.study.watch import Watcher

HERE = Path(__file__).parent
RESULT = HERE / "results" / "final.json"
WALL_HOURS = 3.0  # that the whole may take, on two cores
ROUNDS = 60  # turns in which two networks are timed
NETWORK = (
    *("accuracy", "test_accuracy", "packed_bytes", "file_bytes", "latency_ms"),
    *("macs", "bitops", "peak_activation_bytes"),
)


@dataclasses.dataclass(frozen=True)
class Mark:
    """What a study's network shall reach: `latency` is a part of an int8 ResNet-8's."""

    test_accuracy: float
    packed_bytes: int | None = None
    latency: float | None = None


WANTED = {
    "cifar10": Mark(0.85, packed_bytes=25_000),
    "cifar10-fast": Mark(0.85, latency=0.72),
    "cifar10-large": Mark(0.878, packed_bytes=78_000),
    "fashion": Mark(0.932, packed_bytes=32_000),
}


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


def beside_resnet8(model: Path) -> dict[str, Any]:
    """A CIFAR-10 network and an int8 ResNet-8, timed in turns: milliseconds, and their ratio."""
    reference = resnet8("uniform:8", "uniform:8")
    images = random_images(reference, 32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "resnet8.onnx"
        write(integers_of(reference, images), path, {})
        calls = [call_of(file, images[:1]) for file in (model, path)]
        for call in calls:
            turn(call)
        rounds = [[turn(call) for call in calls] for _ in range(ROUNDS)]
    low, middle, high = statistics.quantiles((ours / its for ours, its in rounds), n=4)
    ours, its = (statistics.median(times) for times in zip(*rounds, strict=True))
    return {
        "ms": round(ours, 4),
        "resnet8_ms": round(its, 4),
        "ratio": round(middle, 3),
        "quartiles": [round(low, 3), round(high, 3)],
    }


def reached(mark: Mark, network: Mapping[str, Any], beside: Mapping[str, Any] | None) -> bool:
    """Whether a network is as right, as small and as fast as it shall be."""
    right = network["test_accuracy"] >= mark.test_accuracy
    small = mark.packed_bytes is None or network["packed_bytes"] <= mark.packed_bytes
    fast = mark.latency is None or (beside is not None and beside["ratio"] <= mark.latency)
    return right and small and fast


def told(name: str, study: Mapping[str, Any], view: StudyView, out: Path) -> dict[str, Any]:
    """What a finished study comes to."""
    final, mark = view.final, WANTED[name]
    assert final is not None and final.model is not None  # it has finished
    sittings = Sittings.read(out / "sittings.json")
    network = {key: getattr(final, key) for key in NETWORK}
    beside = None if mark.latency is None else beside_resnet8(out / final.model)
    return {
        "command": f"python benchmarks/final.py {name}",
        "machine": machine(),
        "study": dict(study),
        "wanted": {**dataclasses.asdict(mark), "wall_hours": WALL_HOURS},
        "reached": reached(mark, network, beside),
        "cpu_s": round(sum(one["cpu_s"] for one in sittings), 1),
        "wall_s": round(sum(one["wall_s"] for one in sittings), 1),
        "sittings": len(sittings),
        "trials": len(view.outcomes),
        "complete": sum(outcome.state == "complete" for outcome in view.outcomes),
        "network": network,
        "beside_resnet8": beside,
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
    found = told(given.name, yaml.safe_load(path.read_text()), view, out)
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
