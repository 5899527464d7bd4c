"""How soon the program answers: its help, and a study of 1,000 trials.

    make bench-start

`bitwright --help`, `bitwright show` of the study and an empty Python program take turns, each in a
process of its own, for ten rounds after one that fills the disk's cache. The study is a real one:
1,000 outcomes of random candidates of the space `compact`, with all that a real outcome has,
written through `Store.append`. Medians go to results/start.json, beside what each may take.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import machine

from bitwright.config import SpaceConfig, StudyConfig
from bitwright.measure.survey import Surveyed, survey
from bitwright.records import Measurement, Outcome
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.study.folder import Folder
from bitwright.study.store import Store

RESULT = Path(__file__).parent / "results" / "start.json"
TRIALS = 1000
PROGRAM = Path(sys.executable).with_name("bitwright")
LIMITS_S = {"help": 0.3, "show": 1.5}


def space() -> JointSpace:
    """The space `compact` for Fashion-MNIST, with the default methods."""
    quantization = StudyConfig.from_mapping({"data": "digits", "space": "compact"}).quantization
    methods = MethodSpace(quantization.methods("weight"), quantization.methods("activation"))
    stages = stages_of(SpaceConfig(template="compact"))
    return JointSpace(stages, methods, input_shape=(1, 28, 28), classes=10)


def outcomes(candidates: tuple[Surveyed, ...]) -> Iterator[Outcome]:
    """An outcome for each: its costs are its own, its accuracy grows with its size, with noise."""
    noise = generator(0, 0, "noise")
    for number, one in enumerate(candidates):
        size = one.costs["packed_bytes"]
        accuracy = min(0.99, 0.95 - 800 / (size + 800) + noise.normal(0, 0.01))
        measured = {name: Measurement(float(value)) for name, value in one.costs.items()}
        measured["file_bytes"] = Measurement(1.06 * size + 4000)
        measured["latency_ms"] = Measurement(0.05 + one.costs["macs"] / 1e8, 0.002)
        context = (("data", "held-out"), ("images", "6000"), ("file", "exported"))
        measured["accuracy"] = Measurement(accuracy, context=context)
        yield Outcome(
            number,
            number // 4,
            one.genome,
            "complete",
            accuracy,
            metrics=tuple(measured.items()),
            policy=one.blueprint.policy,
            units=one.blueprint.units,
            curve=((1.0, 0.8, None), (2.0, 0.5, accuracy)),
            seconds=tuple((part, 1.0) for part in ("build", "train", "export", "measure")),
            seed=number,
            model=f"trials/{number:05d}.onnx",
        )


def write_study(folder: Folder, trials: int) -> None:
    """A finished study of so many trials."""
    folder.make()
    whole = space()
    declared = {choice.path: choice.options for choice in whole.declared()}
    store = Store.open(folder.url(None), folder.name)
    for outcome in outcomes(survey(whole, trials, generator(0, 0, "survey"))):
        store.append(outcome, declared)
    config = StudyConfig.from_mapping({"data": "fashion-mnist", "space": "compact"})
    store.put("settings", config.to_yaml())
    store.put("state", {"state": "finished", "stopped_by": "iterations"})
    folder.settings.write_text(config.to_yaml(), encoding="utf-8")
    store.close()


def seconds(command: list[str]) -> float:
    """How long the command takes; it must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(study: Path, rounds: int) -> dict[str, list[float]]:
    """The seconds of every command in every round; the first round is left out."""
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "help": [str(PROGRAM), "--help"],
        "show": [str(PROGRAM), "show", str(study)],
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            found[name].append(seconds(command))
    return {name: times[1:] for name, times in found.items()}


def summary(times: dict[str, list[float]], trials: int) -> dict[str, Any]:
    """The result file."""
    return {
        "machine": machine(),
        "trials": trials,
        "median_s": {name: round(statistics.median(some), 4) for name, some in times.items()},
        "limit_s": LIMITS_S,
        "seconds": {name: [round(one, 4) for one in some] for name, some in times.items()},
    }


def main() -> None:
    """Writes the study, takes the times, and says them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place) / "thousand")
        write_study(folder, options.trials)
        found = summary(measure(folder.path, options.rounds), options.trials)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, median in found["median_s"].items():
        limit = f", at most {LIMITS_S[name]} s" if name in LIMITS_S else ""
        print(f"{name:<8}{median:.3f} s{limit}")


if __name__ == "__main__":
    main()
