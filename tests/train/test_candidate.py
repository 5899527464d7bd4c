"""One candidate from genome to outcome, on real digits."""

import dataclasses
import errno
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import MetricConfig, StageConfig, TrainConfig
from bitwright.control.reward import FAILED, Reward
from bitwright.errors import ExportError, MeasurementError
from bitwright.execute.base import Job, Workbench
from bitwright.execute.gate import OpenGate
from bitwright.execute.place import Place
from bitwright.export.runtime import load
from bitwright.graph import Graph
from bitwright.measure.cost import costs
from bitwright.quant.spec import Method
from bitwright.records import Genome, Measurement
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.targets.base import Foretold
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.train.candidate import ScratchEvaluator
from bitwright.train.shop import Shop

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = TrainConfig(epochs=1, images=256, batch=64, learning_rate=0.01)
ACCURACY = {"accuracy": MetricConfig()}


@pytest.fixture
def space(shop: Shop) -> JointSpace:
    methods = MethodSpace(
        tuple(Method.parse(f"lsq:{bits}") for bits in (2, 8)),
        tuple(Method.parse(f"lsq:{bits}", "activation") for bits in (4, 8)),
    )
    stages = (
        StageConfig(name="stem", width=(4, 8), stride=(2,)),
        StageConfig(name="body", kinds=("depthwise_separable",), width=(8,)),
    )
    return JointSpace(stages, methods, input_shape=shop.task.data.input.shape, classes=10)


@pytest.fixture
def job(space: JointSpace) -> Job:
    return Job(7, 3, space.fill(lambda choice: choice.options[-1]), seed=11)


class Counting(OnnxRuntimeCpu):
    """A processor that takes a cycle for each MAC."""

    metrics = (*OnnxRuntimeCpu.metrics, "cycles")
    timed = False

    def counted(self, graph: Graph) -> dict[str, float]:
        return {"cycles": float(costs(graph)["macs"])}

    def measure(self, path: Path) -> dict[str, Measurement]:
        size = Measurement(float(path.stat().st_size))
        return {"latency_ms": Measurement(1.5), "file_bytes": size}


class Foretelling(OnnxRuntimeCpu):
    """A processor of which little is known before there is a file."""

    def foretold(self, graph: Graph, needs: Collection[str]) -> dict[str, Foretold]:
        return {name: Foretold(1000.0, 0.25) for name in needs if name == "latency_ms"}


class Refusing(OnnxRuntimeCpu):
    """A processor whose tools take no network of this size."""

    def foretold(self, graph: Graph, needs: Collection[str]) -> dict[str, Foretold]:
        if needs:
            raise MeasurementError("too large for the emulator")
        return {}


def evaluator(
    shop: Shop,
    space: JointSpace,
    folder: Path,
    *,
    metrics: Mapping[str, MetricConfig] = ACCURACY,
    limits: Mapping[str, float] | None = None,
    budget: TrainConfig = SHORT,
) -> ScratchEvaluator:
    reward = Reward("linear", metrics, limits or {})
    return ScratchEvaluator(Workbench(shop, space, reward, budget, folder))


def test_a_complete_candidate_carries_all_that_was_found(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    watched: list[tuple[int, int, float]] = []
    place = Place(lambda done, total, loss: watched.append((done, total, loss)))
    outcome = evaluator(shop, space, tmp_path).evaluate(job, place)
    assert outcome.state == "complete"
    assert (outcome.number, outcome.iteration, outcome.seed) == (7, 3, 11)
    assert outcome.genome == job.genome
    blueprint = space.decode(job.genome)
    assert (outcome.units, outcome.policy) == (blueprint.units, blueprint.policy)
    assert {name for name, _ in outcome.metrics} >= {
        *("accuracy", "packed_bytes", "file_bytes", "macs", "bitops", "peak_activation_bytes"),
    }
    assert outcome.reward == outcome.metric("accuracy")
    context = dict(dict(outcome.metrics)["accuracy"].context)
    assert context == {"data": "held-out", "images": "143", "file": "exported"}
    assert [name for name, _ in outcome.seconds] == ["build", "train", "export", "measure"]
    assert [point[0] for point in outcome.curve] == [1.0]
    assert watched[-1][:2] == (4, 4)
    assert outcome.model == "trials/00007.onnx"
    model = load(tmp_path / outcome.model)
    assert model.metadata["trial"] == "7"
    assert model.metadata["held_out_accuracy"] == f"{outcome.metric('accuracy'):.4f}"
    held = shop.task.data.held
    correct = model.predict(held.inputs) == held.targets
    assert outcome.metric("accuracy") == correct.mean()
    assert outcome.metric("file_bytes") == (tmp_path / outcome.model).stat().st_size


def test_one_seed_gives_one_outcome(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path, repeatable: Any
) -> None:
    found = [
        repeatable(evaluator(shop, space, tmp_path / folder).evaluate(job, Place()))
        for folder in "ab"
    ]
    assert found[0] == found[1]
    files = [(tmp_path / folder / "trials/00007.onnx").read_bytes() for folder in "ab"]
    assert files[0] == files[1]
    other = Job(job.number, job.iteration, job.genome, seed=12)
    assert evaluator(shop, space, tmp_path / "c").evaluate(other, Place()).curve != found[0].curve


def test_latency_is_measured_only_where_the_reward_asks_for_it(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    metrics = {**ACCURACY, "latency_ms": MetricConfig(weight=0.1)}
    outcome = evaluator(shop, space, tmp_path, metrics=metrics).evaluate(job, Place())
    assert (outcome.metric("latency_ms") or 0) > 0


def test_what_a_target_counts_is_measured_of_every_candidate(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    counting = dataclasses.replace(shop, target=Counting())
    outcome = evaluator(counting, space, tmp_path).evaluate(job, Place())
    assert outcome.metric("cycles") == outcome.metric("macs")
    assert outcome.metric("latency_ms") == 1.5
    assert outcome.metric("file_bytes") == (tmp_path / "trials/00007.onnx").stat().st_size


def test_a_limit_on_what_a_target_counts_is_checked_before_training(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    counting = dataclasses.replace(shop, target=Counting())
    found = evaluator(counting, space, tmp_path, limits={"cycles": 100}).evaluate(job, Place())
    assert found.state == "infeasible" and found.curve == ()
    assert found.reason == f"cycles {found.metric('cycles'):g} is over the limit 100"


def test_patience_looks_at_held_out_images(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    budget = SHORT.model_copy(update={"epochs": 30.0, "patience": 1, "learning_rate": 1e-6})
    outcome = evaluator(shop, space, tmp_path, budget=budget).evaluate(job, Place())
    assert 2 <= len(outcome.curve) < 30
    assert all(accuracy is not None for _, _, accuracy in outcome.curve)


def test_a_size_limit_is_checked_before_training(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    outcome = evaluator(shop, space, tmp_path, limits={"packed_bytes": 100}).evaluate(job, Place())
    assert outcome.state == "infeasible"
    size = outcome.metric("packed_bytes")
    assert outcome.reason == f"packed_bytes {size:g} is over the limit 100"
    assert FAILED <= outcome.reward < 0
    assert outcome.curve == ()
    assert [name for name, _ in outcome.seconds] == ["build"]
    assert outcome.units and outcome.policy, "what it was is known all the same"


def test_limits_that_only_a_trained_network_shows_are_checked_after(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    outcome = evaluator(shop, space, tmp_path, limits={"accuracy": 0.9999}).evaluate(job, Place())
    assert outcome.state == "infeasible"
    assert outcome.reason is not None and outcome.reason.endswith("is under the limit 0.9999")
    assert outcome.curve and outcome.metric("accuracy") is not None


def test_divergence_is_infeasible(shop: Shop, space: JointSpace, job: Job, tmp_path: Path) -> None:
    budget = SHORT.model_copy(update={"epochs": 20.0, "learning_rate": 1e6})
    outcome = evaluator(shop, space, tmp_path, budget=budget).evaluate(job, Place())
    assert outcome.state == "infeasible"
    assert outcome.reason is not None and outcome.reason.startswith("training diverged: the loss")
    assert outcome.reward == FAILED
    assert outcome.model is None


def test_whatever_breaks_is_recorded_with_its_traceback(
    shop: Shop, space: JointSpace, tmp_path: Path
) -> None:
    job = Job(0, 0, Genome(space.space_id, (("stem/width", 99),)), seed=1)
    outcome = evaluator(shop, space, tmp_path).evaluate(job, Place())
    assert outcome.state == "failed"
    assert outcome.reason == "InvalidGenome: 'stem/width': 99 is none of [4, 8]"
    assert outcome.traceback is not None
    assert outcome.traceback.startswith("Traceback (most recent call last):")
    assert "decode" in outcome.traceback
    assert outcome.reward == FAILED


def test_trouble_with_the_disk_is_not_the_candidates_fault(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials/00007.onnx").symlink_to("/dev/full")
    with pytest.raises(ExportError, match="No space left") as caught:
        evaluator(shop, space, tmp_path).evaluate(job, Place())
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


class Forgetful(OnnxRuntimeCpu):
    """A target that a user made, with a mistake in it."""

    def measure(self, path: Path) -> Any:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "table.csv")


def test_a_file_that_a_users_code_misses_is_the_candidates_failure(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    broken = dataclasses.replace(shop, target=Forgetful())
    metrics = {**ACCURACY, "latency_ms": MetricConfig()}
    outcome = evaluator(broken, space, tmp_path, metrics=metrics).evaluate(job, Place())
    assert outcome.state == "failed"
    assert outcome.reason is not None and "table.csv" in outcome.reason
    assert outcome.model == "trials/00007.onnx", "so that the file is deleted with the others"


def test_a_candidate_whose_time_is_up_is_infeasible(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    outcome = evaluator(shop, space, tmp_path).evaluate(job, Place(limit_s=0.0))
    assert (outcome.state, outcome.reward) == ("infeasible", FAILED)
    assert outcome.reason == "the trial took more than 0 minutes (search.trial_minutes)"
    assert [part for part, _ in outcome.seconds] == ["build", "train"]


class Asked(OpenGate):
    """Counts who asks to be alone."""

    times = 0

    def alone(self) -> Any:
        self.times += 1
        return super().alone()


def test_it_is_alone_while_it_is_timed_and_only_then(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    gate = Asked()
    evaluator(shop, space, tmp_path).evaluate(job, Place(gate=gate))
    assert gate.times == 0
    metrics = {**ACCURACY, "latency_ms": MetricConfig()}
    evaluator(shop, space, tmp_path, metrics=metrics).evaluate(job, Place(gate=gate))
    assert gate.times == 1


def test_an_interrupt_goes_through(shop: Shop, space: JointSpace, job: Job, tmp_path: Path) -> None:
    def interrupt(done: int, total: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluator(shop, space, tmp_path).evaluate(job, Place(interrupt))


def test_what_is_foretold_rules_out_only_what_breaks_a_limit_at_the_least(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    foretelling = dataclasses.replace(shop, target=Foretelling())
    far, near = (
        evaluator(foretelling, space, tmp_path, limits={"latency_ms": limit}).evaluate(job, Place())
        for limit in (740.0, 760.0)
    )
    assert far.state == "infeasible"
    assert far.reason is not None and far.reason.startswith(
        "latency_ms 750 is over the limit 740, as foretold"
    )
    assert far.metric("latency_ms") is None
    assert "train" not in dict(far.seconds)
    assert near.state == "complete"
    measured = near.metric("latency_ms")
    assert measured is not None and measured < 750


def test_what_the_targets_tools_cannot_take_is_infeasible_where_a_limit_asks_for_it(
    shop: Shop, space: JointSpace, job: Job, tmp_path: Path
) -> None:
    refusing = dataclasses.replace(shop, target=Refusing())
    found = evaluator(refusing, space, tmp_path, limits={"latency_ms": 9.0}).evaluate(job, Place())
    assert (found.state, found.reason) == ("infeasible", "too large for the emulator")
    assert "train" not in dict(found.seconds)
