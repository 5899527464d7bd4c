"""What a study costs per trial besides training and measuring, as its record grows.

    make bench-overhead

The real loop, store (SQLite on disk), controller (evolution), folder and live view run a search of
the `compact` space whose candidates come with every field that a real outcome has, but take no time
to evaluate: building them is timed and taken off. What is left is proposing, recording, showing,
pruning and learning. The median over windows of trials that end at 10, 100, 1,000 and 10,000
recorded trials goes to results/overhead.json.
"""

import argparse
import io
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine
from rich.console import Console

from bitwright.cli.live import LiveWatcher
from bitwright.config import SearchConfig, SpaceConfig
from bitwright.control.base import make
from bitwright.execute.base import Evaluator, Job
from bitwright.execute.inline import InlineExecutor
from bitwright.execute.place import Place
from bitwright.quant.spec import Method
from bitwright.records import Measurement, Outcome
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.study.at_work import AtWork
from bitwright.study.folder import Folder
from bitwright.study.loop import Loop
from bitwright.study.pruning import Pruning
from bitwright.study.store import Store
from bitwright.study.watch import Plan, Watcher

RESULT = Path(__file__).parent / "results" / "overhead.json"
COUNTS = (10, 100, 1_000, 10_000)
WINDOW = 200  # trials before a count that its median is taken of, at most
LIMIT_MS = 50.0  # at 1,000 trials


class AtOnce(Evaluator):
    """Outcomes of candidates that are not trained: their shape is real, their rewards are not."""

    def __init__(self, space: JointSpace, folder: Folder) -> None:
        self._space, self._folder = space, folder
        self.spent_s = 0.0

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """Counts the seconds that it takes itself."""
        start = time.perf_counter()
        blueprint = self._space.decode(job.genome)
        bits = [method.bits for _, method in blueprint.policy]
        place.progress(1, 1, 0.5)
        model = f"trials/{job.number:05d}.onnx"
        (self._folder.path / model).touch()
        accuracy = 1 - 1 / (2 + sum(bits) / 20 + len(blueprint.units))
        measured = {name: Measurement(1000.0 * sum(bits)) for name in _COSTS}
        measured["accuracy"] = Measurement(accuracy, context=(("data", "held-out"),))
        outcome = Outcome(
            job.number,
            job.iteration,
            job.genome,
            "complete",
            accuracy,
            metrics=tuple(measured.items()),
            policy=blueprint.policy,
            units=blueprint.units,
            curve=((1.0, 0.5, accuracy), (2.0, 0.4, accuracy)),
            seconds=tuple((part, 1.0) for part in ("build", "train", "export", "measure")),
            seed=job.seed,
            model=model,
        )
        self.spent_s += time.perf_counter() - start
        return outcome


_COSTS = ("packed_bytes", "macs", "bitops", "peak_activation_bytes", "file_bytes")


class Stopwatch(Watcher):
    """Notes the seconds between recorded trials, without those of the evaluator."""

    def __init__(self, inner: Watcher, evaluator: AtOnce) -> None:
        self._inner, self._evaluator = inner, evaluator
        self._last = 0.0
        self.seconds: list[float] = []

    def start(self) -> None:
        """From here on."""
        self._last = time.perf_counter() - self._evaluator.spent_s

    def trial_started(self, job: Job) -> None:
        """Passed on."""
        self._inner.trial_started(job)

    def trial_progress(self, job: Job, done: int, total: int, loss: float) -> None:
        """Passed on."""
        self._inner.trial_progress(job, done, total, loss)

    def trial_done(self, outcome: Outcome) -> None:
        """Passed on, then noted."""
        self._inner.trial_done(outcome)
        now = time.perf_counter() - self._evaluator.spent_s
        self.seconds.append(now - self._last)
        self._last = now


def run(trials: int, folder: Folder) -> list[float]:
    """Seconds of each trial; an iteration's learning and proposing stand with its first one."""
    folder.make()
    space = JointSpace(
        stages_of(SpaceConfig(template="compact")),
        MethodSpace(
            tuple(Method.parse(f"lsq:{bits}", "weight") for bits in (2, 4, 8)),
            tuple(Method.parse(f"lsq:{bits}", "activation") for bits in (4, 8)),
        ),
        input_shape=(1, 28, 28),
        classes=10,
    )
    settings = SearchConfig(iterations=trials // 4)
    store = Store.open(folder.url(None), folder.name)
    controller = make("evolution", space, {"batch": 4}, seed=0)
    live = LiveWatcher(Console(file=io.StringIO(), force_terminal=True, width=100))
    evaluator = AtOnce(space, folder)
    at_work = AtWork(live, folder)
    stopwatch = Stopwatch(Pruning(at_work, (), folder), evaluator)
    declared = {choice.path: choice.options for choice in space.declared()}
    executor = InlineExecutor(evaluator, at_work)
    live.planned(Plan("overhead", settings.iterations, 4, None, 1, 1), ())
    live.phase("search")
    with live.shown():
        stopwatch.start()
        Loop(settings, controller, store, executor, declared, stopwatch).run()
    store.close()
    return stopwatch.seconds


def summary(seconds: list[float]) -> dict[str, Any]:
    """Medians and means in ms by the number of recorded trials, and what they are held against."""
    found: dict[str, Any] = {}
    for count in COUNTS:
        if count <= len(seconds):
            window = seconds[max(0, count - min(WINDOW, count)) : count]
            found[str(count)] = {
                "median_ms": round(1000 * statistics.median(window), 2),
                "mean_ms": round(1000 * statistics.mean(window), 2),
                "trials": len(window),
            }
    return found


def verdict(found: dict[str, Any]) -> dict[str, Any]:
    """Growth from 1,000 to 10,000 trials; a logarithm grows by a third."""
    if "10000" not in found:
        return {}
    ratio = found["10000"]["mean_ms"] / found["1000"]["mean_ms"]
    return {
        "median_ms_at_1000": found["1000"]["median_ms"],
        "median_ms_allowed": LIMIT_MS,
        "growth_1000_to_10000": round(ratio, 3),
        "growth_of_a_logarithm": round(math.log(10_000) / math.log(1_000), 3),
    }


def main() -> None:
    """Runs it and writes the result."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--trials", type=int, default=COUNTS[-1])
    options.add_argument("--result", type=Path, default=RESULT)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = summary(run(chosen.trials, Folder(Path(place) / "overhead")))
    result = {"machine": machine(), "by_recorded_trials": found, "verdict": verdict(found)}
    chosen.result.parent.mkdir(exist_ok=True)
    chosen.result.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["by_recorded_trials"], indent=2), result["verdict"], sep="\n")


if __name__ == "__main__":
    main()
