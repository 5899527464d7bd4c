"""What a teacher brings: one network with and without distillation, at 2, 3, 4 and 8 bits.

    .venv/bin/python benchmarks/distill.py --data digits
    .venv/bin/python benchmarks/distill.py --data fashion-mnist

Every run has its partner of the same seed, weights and batches, trained just before or after it;
what counts is their difference in test accuracy. The teacher is the one that a study would train.
Each finished run is written to results/distill-DATA.json at once: called again, the benchmark goes
on where it stopped.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from interval import half_interval
from machine import machine
from torch import Tensor

from bitwright.config import StudyConfig, TrainConfig
from bitwright.records import Blueprint
from bitwright.report import wording
from bitwright.seeds import derive
from bitwright.study.parts import assemble
from bitwright.study.view import TeacherEntry
from bitwright.testing.networks import blueprint_of
from bitwright.train.batches import Batch
from bitwright.train.distill import Answers, Lesson
from bitwright.train.shop import Shop
from bitwright.train.teacher import NetTeacher, load
from bitwright.train.teaching import School

RESULTS = Path(__file__).parent / "results"
BITS = (2, 3, 4, 8)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One data set: the study whose teacher teaches, the network that learns, how and how often."""

    data: dict[str, Any]
    space: dict[str, Any]
    teacher: dict[str, Any]
    student: tuple[dict[str, Any], ...]
    budgets: dict[str, TrainConfig]
    seeds: dict[str, int]

    def study(self, **augment: Any) -> StudyConfig:
        """The study, its images augmented otherwise where that is asked for."""
        data = {**self.data, "augment": augment} if augment else self.data
        distill = {"where": "everywhere", "train": self.teacher}
        return StudyConfig.from_mapping(
            {"data": data, "space": self.space, "distill": distill, "threads": 1, "device": "cpu"}
        )


SETTINGS = {
    "digits": Setting(
        {"name": "digits"},
        {"template": "tiny"},
        {"epochs": 20, "batch": 64, "learning_rate": 0.01},
        (
            {"name": "stem", "width": 8},
            {"name": "body1", "kinds": "depthwise_separable", "width": 16},
            {"name": "body2", "kinds": "depthwise_separable", "width": 24, "stride": 2},
        ),
        {
            "candidate": TrainConfig(epochs=6, batch=64, learning_rate=0.01),
            "final": TrainConfig(epochs=30, batch=64, learning_rate=0.01),
        },
        {"candidate": 5, "final": 5},
    ),
    "fashion-mnist": Setting(
        {"name": "fashion-mnist", "augment": {"flip": True}},
        {
            "template": "compact",
            "override": {
                "stem": {"width": [24], "kernel": [3]},
                "body1": {"width": [32], "kernel": [3], "expansion": [2]},
                "body2": {"width": [48], "kernel": [3], "expansion": [2]},
                "body3": {"width": [64], "kernel": [3], "stride": [2]},
            },
        },
        {"epochs": 4, "learning_rate": 0.008},
        (
            {"name": "stem", "width": 12, "stride": 2},
            {"name": "body1", "width": 16},
            {"name": "body2", "width": 24, "stride": 2},
            {"name": "body3", "width": 32, "stride": 2},
        ),
        {
            "candidate": TrainConfig(epochs=1, images=30000, batch=64, learning_rate=0.016),
            "final": TrainConfig(epochs=4, batch=128, learning_rate=0.016),
        },
        {"candidate": 3, "final": 3},
    ),
}
SHIFT = 2  # pixels, in the comparison of answers for shifted images


@dataclasses.dataclass(frozen=True)
class Case:
    """One training run."""

    budget: str
    bits: int
    seed: int
    teacher: str  # "none", "answers kept" or, for shifted images, "asked anew"
    shift: int = 0


def cases(setting: Setting) -> Iterator[Case]:
    """All runs, so ordered that a benchmark cut short still has whole pairs of every kind."""
    for seed in range(max(setting.seeds.values())):
        pair = ("none", "answers kept") if seed % 2 else ("answers kept", "none")
        for budget, seeds in setting.seeds.items():
            for bits in BITS if seed < seeds else ():
                for teacher in pair:
                    yield Case(budget, bits, seed, teacher)
        for teacher in (*pair, "asked anew"):
            yield Case("candidate", 4, seed, teacher, SHIFT)


@dataclasses.dataclass(frozen=True, slots=True)
class Asked(Answers):
    """Answers that the teacher gives anew for every batch, as it is: shifted too."""

    teacher: NetTeacher | None = None

    def of(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Logits of the batch's very images."""
        assert self.teacher is not None  # only `features` makes it come with a default
        return self.teacher.ask(batch.inputs)[0], None


def student(setting: Setting, bits: int, shop: Shop) -> Blueprint:
    """The network that learns, all of it at one width."""
    method, shape = f"lsq:{bits}", shop.task.data.input.shape
    return blueprint_of(*setting.student, weight=method, activation=method, shape=shape)


@dataclasses.dataclass(frozen=True)
class Bench:
    """A setting at work: shops without a teacher by the shift of their images, and the lesson."""

    setting: Setting
    folder: Path
    shops: dict[int, Shop]
    lesson: Lesson

    def run(self, case: Case) -> dict[str, Any]:
        """Trains one network; its test accuracy, and the processor's seconds in training."""
        lesson: Lesson | None = self.lesson if case.teacher != "none" else None
        if lesson is not None and case.teacher == "asked anew":
            teacher, _ = load(self.folder / "teacher.pt", torch.device("cpu"))
            answers = Asked(lesson.answers.logits, teacher=teacher)
            lesson = dataclasses.replace(lesson, answers=answers)
        shop = dataclasses.replace(self.shops[case.shift], lesson=lesson)
        blueprint = student(self.setting, case.bits, shop)
        seed = derive(case.seed, 0, "distill")
        start = time.process_time()
        net, _ = shop.trained(blueprint, self.setting.budgets[case.budget], seed)
        seconds = time.process_time() - start
        accuracy = shop.score(net, shop.test)
        return {**dataclasses.asdict(case), "accuracy": accuracy, "seconds": seconds}


def summary(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accuracy with and without the teacher, and the paired difference, for each kind of run."""
    kinds = dict.fromkeys((r["budget"], r["bits"], r["shift"]) for r in runs)
    found = []
    for kind in kinds:
        mine = [r for r in runs if (r["budget"], r["bits"], r["shift"]) == kind]
        for teacher in dict.fromkeys(r["teacher"] for r in mine if r["teacher"] != "none"):
            row = paired(mine, teacher)
            if row:
                found.append({**dict(zip(("budget", "bits", "shift"), kind, strict=True)), **row})
    return found


def paired(runs: Sequence[dict[str, Any]], teacher: str) -> dict[str, Any]:
    """The runs with that teacher against those of the same seeds without one."""
    by_seed: dict[int, dict[str, dict[str, Any]]] = {}
    for r in runs:
        by_seed.setdefault(r["seed"], {})[r["teacher"]] = r
    pairs = [(r["none"], r[teacher]) for r in by_seed.values() if {"none", teacher} <= set(r)]
    if not pairs:
        return {}
    points = [100 * (on["accuracy"] - off["accuracy"]) for off, on in pairs]
    ratio = sum(on["seconds"] for _, on in pairs) / sum(off["seconds"] for off, _ in pairs)
    return {
        "teacher": teacher,
        "seeds": len(pairs),
        "without_percent": round(100 * statistics.mean(off["accuracy"] for off, _ in pairs), 2),
        "with_percent": round(100 * statistics.mean(on["accuracy"] for _, on in pairs), 2),
        "difference_points": round(statistics.mean(points), 2),
        "interval_95_points": interval(points),
        "time_ratio": round(ratio, 3),
    }


def interval(points: Sequence[float]) -> list[float] | None:
    """The 95 % confidence interval of the mean, by Student's t; None for a single pair."""
    if len(points) < 3:
        return None
    mean = statistics.mean(points)
    reach = half_interval(points)
    return [round(mean - reach, 2), round(mean + reach, 2)]


def result(bench: Bench, runs: Sequence[dict[str, Any]], teacher: TeacherEntry) -> dict[str, Any]:
    """What the result file holds, as far as the runs go."""
    setting, data = bench.setting, bench.shops[0].task.data
    study = setting.study()
    return {
        "command": f"python benchmarks/distill.py --data {data.name}",
        "machine": machine() | {"threads": str(torch.get_num_threads())},
        "data": {
            "name": data.name,
            "mirrored": study.data.augment.flip,
            "train": len(data.train),
            "test": len(data.test),
        },
        "teacher": {
            "held_out_accuracy": teacher.accuracy,
            "structure": wording.structure(teacher.units),
            "train": study.distill.train.model_dump(mode="json"),
        },
        "distill": study.distill.model_dump(include={"weight", "temperature", "features"}),
        "student": wording.structure(student(setting, 4, bench.shops[0]).units),
        "budgets": {name: each.model_dump(mode="json") for name, each in setting.budgets.items()},
        "summary": summary(runs),
        "runs": list(runs),
    }


def main() -> None:
    """Runs what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=SETTINGS, required=True)
    name = parser.parse_args().data
    setting, path = SETTINGS[name], RESULTS / f"distill-{name}.json"
    folder = Path("runs") / f"bench-distill-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    study = setting.study()
    shop = assemble(study, "bench-distill").shop
    shops = {0: shop, SHIFT: assemble(setting.study(shift=SHIFT), "bench-distill").shop}
    lesson, entry = School(shop, study, folder).lesson()
    bench = Bench(setting, folder, shops, lesson)
    runs = json.loads(path.read_text())["runs"] if path.exists() else []
    done = {Case(**{field: r[field] for field in Case.__dataclass_fields__}) for r in runs}
    path.parent.mkdir(exist_ok=True)
    for case in cases(setting):
        if case not in done:
            runs.append(bench.run(case))
            print(json.dumps(runs[-1]), flush=True)
        text = json.dumps(result(bench, runs, entry), indent=1)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
