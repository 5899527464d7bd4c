"""A trained candidate of another study, judged anew for this study's target: nothing is trained."""

import dataclasses
import shutil
import tempfile
import time
import traceback
from pathlib import Path

from bitwright.control.reward import ACCURACY, FAILED
from bitwright.errors import BitwrightError, ExportError, InfeasibleError
from bitwright.execute.base import Job, Workbench
from bitwright.graph import Graph
from bitwright.records import Blueprint, Measurement, Outcome
from bitwright.space.joint import expand
from bitwright.targets.base import FILE, Target, answer_alike

STAND_IN = (("weights", "of a stand-in, trained for one step: the trial's file was not kept"),)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Retaker:
    """Takes trials over into the study of the workbench.

    They lie in the study `name`, at `folder`, and were judged on `before`, which is called
    `target`.
    """

    bench: Workbench
    name: str
    folder: Path
    before: Target
    target: str

    def __call__(self, job: Job, old: Outcome) -> Outcome:
        """The trial `old` as the job's outcome, with the new target's metrics and its reward.

        What is known of its training is kept, and its file where that is there. Its seconds are
        those of measuring. A target that cannot take it makes it infeasible, with the reason.
        """
        start = time.monotonic()
        blueprint = self.bench.space.decode(job.genome)
        kept = self._kept(job, old)
        known = {"policy": old.policy, "units": old.units, "curve": old.curve, "model": kept}
        metrics: dict[str, Measurement] = {}
        try:
            metrics = self._metrics(blueprint, old, kept)
            reward = self._reward(metrics)
        except (InfeasibleError, ExportError) as error:
            broken = self.bench.reward.violations(_values(metrics), only_known=True)
            penalty = self.bench.reward.penalty(broken) if broken else FAILED
            found = job.outcome("infeasible", penalty, reason=str(error), **known)
        except BitwrightError as error:
            reason, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
            found = job.outcome("failed", FAILED, reason=reason, traceback=trace, **known)
        else:
            found = job.outcome("complete", reward, **known)
        seconds = (("measure", time.monotonic() - start),)
        return dataclasses.replace(found, metrics=tuple(metrics.items()), seconds=seconds)

    def _kept(self, job: Job, old: Outcome) -> str | None:
        """The trial's file under its new number, where it is there to be copied."""
        source = None if old.model is None else self.folder / old.model
        if source is None or not source.is_file():
            return None
        name = f"trials/{job.number:05d}.onnx"
        shutil.copyfile(source, self.bench.folder / name)
        return name

    def _metrics(
        self, blueprint: Blueprint, old: Outcome, kept: str | None
    ) -> dict[str, Measurement]:
        graph = expand(blueprint)
        if kept is not None:
            path = self.bench.folder / kept
            return {**self._measured(graph, path), ACCURACY: self._accuracy(old, path)}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stand-in.onnx"
            self._export_stand_in(blueprint, old.seed, path)
            measured = self._measured(graph, path)
        size = dict(old.metrics).get(FILE)
        counted = self.bench.shop.counted(graph)
        found = {
            name: at
            if name in counted
            else dataclasses.replace(at, context=(*at.context, *STAND_IN))
            for name, at in measured.items()
        }
        if size is not None:
            found[FILE] = size
        return {**found, ACCURACY: self._accuracy(old, None)}

    def _measured(self, graph: Graph, path: Path) -> dict[str, Measurement]:
        needs = self.bench.needs | self.bench.reward.needs
        return self.bench.shop.measured(graph, path, needs)

    def _export_stand_in(self, blueprint: Blueprint, seed: int, path: Path) -> None:
        """A network of the same layers and methods, whose quantizers have seen a batch."""
        step = {"steps": 1, "epochs": 1.0, "patience": None, "warmup": 0.0}
        budget = self.bench.budget.model_copy(update=step)
        net, _ = self.bench.shop.trained(blueprint, budget, seed)
        self.bench.shop.export(net, path, {})

    def _accuracy(self, old: Outcome, path: Path | None) -> Measurement:
        """As it was measured; anew, from the file, where the new target computes otherwise."""
        before, shop = dict(old.metrics)[ACCURACY], self.bench.shop
        source = (("taken_from", f"trial {old.number} of {self.name}"),)
        if path is not None and not answer_alike(shop.target, self.before):
            again = shop.score_of_file(path, shop.held)
            return Measurement(again, context=(*before.context, *source))
        judged = (("judged_on", self.target),)
        return dataclasses.replace(before, context=(*before.context, *source, *judged))

    def _reward(self, metrics: dict[str, Measurement]) -> float:
        """InfeasibleError for broken limits."""
        values, reward = _values(metrics), self.bench.reward
        broken = reward.violations(values)
        if broken:
            raise InfeasibleError("; ".join(map(str, broken)))
        return reward.score(values)


def _values(metrics: dict[str, Measurement]) -> dict[str, float]:
    return {name: measurement.value for name, measurement in metrics.items()}
