"""One candidate from genome to outcome: build, train, export, measure, reward (M1.1 b and c)."""

import contextlib
import dataclasses
import errno
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from bitwright.config import TrainConfig
from bitwright.control.reward import ACCURACY, FAILED, Reward
from bitwright.errors import ExportError, InfeasibleError
from bitwright.execute.base import Evaluator, Job
from bitwright.export.runtime import CLASSES_KEY, load
from bitwright.graph import Graph
from bitwright.measure.cost import costs
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint, Measurement, Outcome, State
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace, expand
from bitwright.targets.base import Target
from bitwright.tasks.image_classification import ImageTask, Part, accuracy
from bitwright.train.trainer import Curve, Hooks, Progress, train

logger = logging.getLogger(__name__)

TIMED = frozenset({"latency_ms"})  # metrics that no seed repeats
NO_HOOKS = Hooks()
DISK_TROUBLE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Shop:
    """Everything that turns blueprints into measured files; made once a study."""

    study: str
    task: ImageTask
    target: Target
    threads: int

    def trained(
        self, blueprint: Blueprint, budget: TrainConfig, seed: int, hooks: Hooks = NO_HOOKS
    ) -> tuple[QuantNet, Curve]:
        """The blueprint's network, trained under its policy."""
        net = self.task.build(blueprint, derive(seed, 0, "weights"))
        curve = train(net, self.task.batches(budget, derive(seed, 0, "batches")), budget, hooks)
        return net, curve

    def export(self, net: QuantNet, path: Path, metadata: dict[str, str]) -> None:
        """Writes the file to ship."""
        path.parent.mkdir(parents=True, exist_ok=True)
        common = {
            "study": self.study,
            "data": self.task.data.name,
            "data_sha256": self.task.data.digest,
            CLASSES_KEY: json.dumps(list(self.task.data.classes)),
        }
        self.target.export(net.to_integer(), path, {**common, **metadata})

    def accuracy(self, path: Path, part: Part) -> float:
        """The exported file's accuracy, 0 to 1."""
        found = load(path, threads=self.threads).predict(part.images.cpu().numpy())
        return float((found == part.labels.cpu().numpy()).mean())

    def measured(self, graph: Graph, path: Path, *, timed: bool) -> dict[str, Measurement]:
        """The file's costs; its latency only where it is asked for, since timing takes time."""
        exact = {name: Measurement(float(value)) for name, value in costs(graph).items()}
        if timed:
            return {**exact, **self.target.measure(path)}
        return {**exact, "file_bytes": Measurement(float(path.stat().st_size))}


def describe(blueprint: Blueprint) -> dict[str, str]:
    """What a file says of its own network."""
    units = [{"path": u.path, "kind": u.kind, **dict(u.params)} for u in blueprint.units]
    policy = {str(site): str(method) for site, method in blueprint.policy}
    return {"units": json.dumps(units), "policy": json.dumps(policy)}


class CandidateEvaluator(Evaluator):
    """Trains every candidate from scratch: the honest reference that cheaper ones are held against.

    Hard limits that need no training (sizes, operations) are checked before it.
    """

    def __init__(
        self,
        shop: Shop,
        space: JointSpace,
        reward: Reward,
        budget: TrainConfig,
        folder: Path,
        *,
        started: Callable[[Job], None] = lambda job: None,
        watch: Callable[[Progress], None] | None = None,
    ) -> None:
        self.shop, self.space, self.reward, self.budget = shop, space, reward, budget
        self.folder, self.started, self.watch = folder, started, watch

    def evaluate(self, job: Job) -> Outcome:
        """The candidate's outcome; whatever breaks becomes part of it, with its traceback.

        Trouble with the disk is raised: it is not the candidate's fault, and the next would meet
        it too.
        """
        self.started(job)
        trial = _Trial(job, self)
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

    def __init__(self, job: Job, parts: CandidateEvaluator) -> None:
        self.job, self.parts = job, parts
        self.penalty = FAILED
        self.blueprint: Blueprint | None = None
        self.metrics: dict[str, Measurement] = {}
        self.curve: Curve = ()
        self.seconds: dict[str, float] = {}
        self.model: str | None = None

    def run(self) -> Outcome:
        parts, reward = self.parts, self.parts.reward
        with self._timed("build"):
            self.blueprint = parts.space.decode(self.job.genome)
            graph = expand(self.blueprint)
            self.metrics = {k: Measurement(float(v)) for k, v in costs(graph).items()}
            self._check_limits(before_training=True)
        with self._timed("train"):
            hooks = Hooks(watch=parts.watch)
            if parts.budget.patience is not None:
                held = parts.shop.task.held
                hooks = dataclasses.replace(hooks, judge=lambda net: accuracy(net, held))
            net, self.curve = parts.shop.trained(self.blueprint, parts.budget, self.job.seed, hooks)
        name = f"trials/{self.job.number:05d}.onnx"
        with self._timed("export"):
            genome = json.dumps(self.job.genome.as_dict())
            metadata = {"trial": str(self.job.number), "genome": genome}
            parts.shop.export(net, parts.folder / name, metadata | describe(self.blueprint))
            self.model = name
        with self._timed("measure"):
            timed = bool(TIMED & reward.needs)
            self.metrics = parts.shop.measured(graph, parts.folder / name, timed=timed)
            held = parts.shop.task.held
            value = parts.shop.accuracy(parts.folder / name, held)
            context = (("data", "held-out"), ("images", str(len(held))), ("file", "exported"))
            self.metrics[ACCURACY] = Measurement(value, context=context)
        self._check_limits(before_training=False)
        return self.outcome("complete", reward.score(self._values()))

    def _values(self) -> dict[str, float]:
        return {name: measurement.value for name, measurement in self.metrics.items()}

    def _check_limits(self, *, before_training: bool) -> None:
        """InfeasibleError for broken limits; before training, only those that are known then."""
        values = self._values()
        reward = self.parts.reward
        broken = reward.violations(values, only_known=before_training)
        if broken:
            self.penalty = reward.penalty(broken)
            raise InfeasibleError("; ".join(map(str, broken)))

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] = time.monotonic() - start

    def outcome(
        self,
        state: State,
        reward: float,
        *,
        reason: str | None = None,
        trace: str | None = None,
    ) -> Outcome:
        return Outcome(
            self.job.number,
            self.job.iteration,
            self.job.genome,
            state,
            reward,
            metrics=tuple(self.metrics.items()),
            policy=self.blueprint.policy if self.blueprint else (),
            units=self.blueprint.units if self.blueprint else (),
            reason=reason,
            traceback=trace,
            curve=self.curve,
            seconds=tuple(self.seconds.items()),
            seed=self.job.seed,
            model=self.model,
        )
