"""The network that a study hands over: retrained, exported, proved, and tested once."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from bitwright.config import TrainConfig
from bitwright.export import reference
from bitwright.export.float_layers import FLOAT_LAYERS
from bitwright.metrics import TEST_ACCURACY, on
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint, Genome, Measurement
from bitwright.space.joint import expand
from bitwright.study.view import Entry, fields_of
from bitwright.train.checkpoint import Checkpoint
from bitwright.train.distill import Lesson
from bitwright.train.netfile import describe
from bitwright.train.shop import Part, Shop, outputs
from bitwright.train.trainer import Hooks, Progress

logger = logging.getLogger(__name__)

JUDGED = 2000  # held-out samples looked at after each epoch, for the curve
REFERENCED = 1000  # test samples that the integer reference is run on: it takes its time
MAY_DIFFER = 0.001  # of the answers, between the trained network and the exported file


@dataclasses.dataclass(frozen=True, slots=True)
class Finisher:
    """Makes final networks: the winner's, and the baseline's under the same budget.

    Where they are `timed`, files have the form that is fastest here. `rest` is called when an
    epoch's checkpoint is written: it may raise, to go on another time.
    """

    shop: Shop
    budget: TrainConfig
    folder: Path
    seed: int
    watch: Callable[[Progress], None]
    rest: Callable[[], None] = lambda: None
    timed: bool = False

    def finish(
        self,
        label: str,
        blueprint: Blueprint,
        genome: Genome,
        path: Path,
        *,
        parent: QuantNet | None = None,
    ) -> Entry:
        """Trains, exports to `path`, measures and proves; goes on from a checkpoint.

        The training starts from a parent's weights, if there is one.
        """
        key = run_key(blueprint, self.budget, self.seed, self.shop.lesson)
        checkpoint = Checkpoint(path.with_suffix(".checkpoint.pt"), f"{key} cut" if parent else key)
        held = self.shop.held.first(JUDGED)

        def save(state: dict[str, Any]) -> None:
            checkpoint.save(state)
            self.rest()

        hooks = Hooks(
            judge=lambda net: self.shop.score(net, held),
            watch=self.watch,
            save=save,
            resume=checkpoint.load(),
        )
        net, curve = self.shop.trained(blueprint, self.budget, self.seed, hooks, parent)
        test = self.shop.test
        entry = Entry(label, genome, blueprint.policy, blueprint.units)
        entry = self._tested(net, path, entry, test)
        measured = self.shop.measured(expand(blueprint), path, self.shop.target.metrics)
        for name, score in self.shop.scores_on_each(path, test).items():
            measured[on(TEST_ACCURACY.name, name)] = Measurement(score)
        entry = dataclasses.replace(
            entry,
            **fields_of(measured),
            model=str(path.relative_to(self.folder)),
            curve=curve,
            proof=(*self._proof(net, path, test).items(), *entry.proof),
        )
        checkpoint.remove()
        return entry

    def _tested(self, net: QuantNet, path: Path, entry: Entry, test: Part) -> Entry:
        """Exports the file in its form, tests it, and exports it again with what that told."""
        form: dict[str, str] = {}
        about = {"genome": json.dumps(entry.genome.as_dict())}
        about |= describe(Blueprint((), 0, entry.units, entry.policy))
        self.shop.export(net, path, about)
        if self.timed:
            form = self.shop.target.form(path)
            about |= form
            self.shop.export(net, path, about)
        held_out, tested = (self.shop.score_of_file(path, p) for p in (self.shop.held, test))
        about |= {"held_out_accuracy": f"{held_out:.4f}", "test_accuracy": f"{tested:.4f}"}
        self.shop.export(net, path, about)
        known = tuple(_in_float(form).items())
        return dataclasses.replace(entry, accuracy=held_out, test_accuracy=tested, proof=known)

    def _proof(self, net: QuantNet, path: Path, test: Part) -> dict[str, str]:
        """How the file's answers agree with the trained network's and the reference's."""
        task = self.shop.task
        inputs = test.inputs.cpu().numpy()
        found = task.answers(self.shop.answered(path, test))
        trained = _differing(task.answers(outputs(net, test)), found)
        if trained > MAY_DIFFER:
            logger.warning(
                "%s: %.2f %% of answers differ from the trained network's (at most %.1f %%)",
                path,
                100 * trained,
                100 * MAY_DIFFER,
            )
        first = inputs[:REFERENCED]
        exact = task.answers(reference.run(net.to_integer(), first))
        inexact = _differing(exact, found[: len(first)])
        return {
            task.samples_are: str(len(inputs)),
            "differ_from_trained": f"{100 * trained:.3f} %",
            "allowed_to_differ": f"{100 * MAY_DIFFER:g} %",
            f"{task.samples_are}_through_integer_reference": str(len(first)),
            "differ_from_integer_reference": f"{100 * inexact:.3f} %",
            "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }


def _in_float(form: Mapping[str, str]) -> dict[str, str]:
    """The layers that run in float32 kernels in a file of that form; nothing without any."""
    names = json.loads(form.get(FLOAT_LAYERS, "[]"))
    return {"layers_in_float32_kernels": ", ".join(names)} if names else {}


def _differing(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """The share of answers (N, ...) that are not the same."""
    return float((first != second).reshape(len(first), -1).any(1).mean())


def run_key(blueprint: Blueprint, budget: TrainConfig, seed: int, lesson: Lesson | None) -> str:
    """Names a training run: a checkpoint of another one is not gone on from."""
    taught = lesson.key if lesson else None
    parts = [describe(blueprint), budget.model_dump(mode="json"), seed, taught]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
