"""One candidate from genome to outcome: build, train, export, measure, reward (M1.1 b and c)."""

import contextlib
import dataclasses
import errno
import json
import logging
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from bitwright.control.reward import ACCURACY, FAILED
from bitwright.errors import ExportError, InfeasibleError, MeasurementError
from bitwright.execute.base import Evaluator, Job, Workbench
from bitwright.execute.place import Place
from bitwright.graph import Graph
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint, Measurement, Outcome, State
from bitwright.space.joint import expand
from bitwright.train.netfile import describe
from bitwright.train.stages import of_stage
from bitwright.train.trainer import Curve, Hooks

logger = logging.getLogger(__name__)

DISK_TROUBLE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network, how its training went, and the trial that it started from, if any."""

    net: QuantNet
    curve: Curve
    relative: int | None = None


class ScratchEvaluator(Evaluator):
    """Trains every candidate from scratch: the honest reference that cheaper ones are held against.

    Hard limits that need no training (sizes, operations) are checked before it.
    """

    pauses: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def trained(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        """From fresh weights or its checkpoint, with the whole budget or a stage of it."""
        hooks = of_stage(job, self._bench.folder, hooks)
        return Trained(*self._bench.shop.trained(blueprint, self._bench.budget, job.seed, hooks))

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """The candidate's outcome; whatever breaks becomes part of it, with its traceback.

        Trouble with the disk is raised: it is not the candidate's fault, and the next would meet
        it too.
        """
        trial = _Trial(job, self._bench, place, self)
        try:
            return trial.run()
        except Exception as error:
            if _is_the_disks(error):
                raise
            if isinstance(error, InfeasibleError | ExportError):  # dead layers have no export
                return trial.outcome("infeasible", trial.penalty, reason=str(error))
            reason = f"{type(error).__name__}: {error}"
            logger.info("trial %d failed: %s", job.number, reason, exc_info=True)
            return trial.outcome("failed", FAILED, reason=reason, trace=traceback.format_exc())


def _is_the_disks(error: BaseException | None) -> bool:
    """Whether the disk lies behind an error: full, read-only or broken."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_TROUBLE:
            return True
        error = error.__cause__
    return False


class _Trial:
    """One evaluation as far as it has come."""

    def __init__(
        self, job: Job, bench: Workbench, place: Place, training: ScratchEvaluator
    ) -> None:
        self.job, self.bench, self.place, self.training = job, bench, place, training
        self.needs = bench.needs | bench.reward.needs
        self.penalty = FAILED
        self.blueprint: Blueprint | None = None
        self.metrics: dict[str, Measurement] = {}
        self.curve: Curve = ()
        self.seconds: dict[str, float] = {}
        self.model: str | None = None
        self.relative: int | None = None

    def run(self) -> Outcome:
        bench, shop = self.bench, self.bench.shop
        with self._timed("build"):
            self.blueprint = bench.space.decode(self.job.genome)
            graph = expand(self.blueprint)
            self.metrics = {k: Measurement(v) for k, v in shop.counted(graph).items()}
            self._check_limits(before_training=True)
            self._check_foretold(graph)
        with self._timed("train"):
            hooks = Hooks(
                watch=lambda p: self.place.progress(p.done, p.total, p.loss),
                between=self.place.between_steps,
            )
            if bench.budget.patience is not None:
                hooks = dataclasses.replace(hooks, judge=lambda net: shop.score(net, shop.held))
            found = self.training.trained(self.job, self.blueprint, hooks)
            net, self.curve, self.relative = found.net, found.curve, found.relative
        name = f"trials/{self.job.number:05d}.onnx"
        path = bench.folder / name
        with self._timed("export"):
            genome = json.dumps(self.job.genome.as_dict())
            about = {"trial": str(self.job.number), "genome": genome, **describe(self.blueprint)}
            shop.export(net, path, about)
            self.model = name
        with self._timed("measure"):
            score = self._held_out_score(path)
        with self._timed("export"):  # again, with what it now knows of itself
            shop.export(net, path, about | {"held_out_accuracy": f"{score.value:.4f}"})
        with self._timed("measure"):
            quiet = self.place.alone() if shop.times(self.needs) else contextlib.nullcontext()
            with quiet:
                measured = shop.measured(graph, path, self.needs)
            self.metrics = {**measured, ACCURACY: score}
        self._judge_curve(score.value)
        self._check_needs()
        self._check_limits(before_training=False)
        return self.outcome("complete", bench.reward.score(self._values()))

    def _held_out_score(self, path: Path) -> Measurement:
        shop = self.bench.shop
        context = (
            ("data", "held-out"),
            (shop.task.samples_are, str(len(shop.held))),
            ("file", "exported"),
        )
        return Measurement(shop.score_of_file(path, shop.held), context=context)

    def _judge_curve(self, accuracy: float) -> None:
        """Puts the exported file's accuracy where training ended, unless it was judged there."""
        if not self.curve:  # it was not trained
            return
        *before, (epoch, loss, judged) = self.curve
        self.curve = (*before, (epoch, loss, accuracy if judged is None else judged))

    def _check_needs(self) -> None:
        """MeasurementError where a metric is missing that someone reads."""
        missing = sorted(self.needs - self.metrics.keys())
        if missing:
            raise MeasurementError(
                f"'{missing[0]}' is asked for and was not measured (there are: "
                f"{', '.join(sorted(self.metrics))}); take it out of the reward, the limits or the "
                "controller's objectives"
            )

    def _values(self) -> dict[str, float]:
        return {name: measurement.value for name, measurement in self.metrics.items()}

    def _check_limits(self, *, before_training: bool) -> None:
        """InfeasibleError for broken limits; before training, only those that are known then."""
        values = self._values()
        reward = self.bench.reward
        broken = reward.violations(values, only_known=before_training)
        if broken:
            self.penalty = reward.penalty(broken)
            raise InfeasibleError("; ".join(map(str, broken)))

    def _check_foretold(self, graph: Graph) -> None:
        """InfeasibleError for limits that the candidate breaks even at the least that is foretold.

        Or of which the target cannot tell, the network being too large for its tools. What is
        foretold is not recorded: it is no measurement.
        """
        reward = self.bench.reward
        try:
            found = self.bench.shop.foretold(graph, reward.limited)
        except MeasurementError as error:
            raise InfeasibleError(str(error)) from error
        broken = reward.violations(
            {name: guess.least for name, guess in found.items()}, only_known=True
        )
        if broken:
            self.penalty = reward.penalty(broken)
            raise InfeasibleError(
                f"{'; '.join(map(str, broken))}, as foretold from its layers at the least"
            )

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - start

    def outcome(
        self,
        state: State,
        reward: float,
        *,
        reason: str | None = None,
        trace: str | None = None,
    ) -> Outcome:
        return self.job.outcome(
            state,
            reward,
            metrics=tuple(self.metrics.items()),
            policy=self.blueprint.policy if self.blueprint else (),
            units=self.blueprint.units if self.blueprint else (),
            reason=reason,
            traceback=trace,
            curve=self.curve,
            seconds=tuple(self.seconds.items()),
            model=self.model,
            relative=self.relative,
        )
