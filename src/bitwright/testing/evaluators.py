"""The contract of an evaluator as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_evaluator(check, tmp_path):
        check(MyEvaluator, tmp_path)

Each check raises AssertionError with the law that was broken. Candidates are small networks for
the digits that come with Bitwright; `folder` is an empty one.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from bitwright.config import DataConfig, StageConfig, TrainConfig
from bitwright.control.reward import Reward, Term
from bitwright.execute.base import Evaluator, Job, Workbench
from bitwright.execute.place import Place
from bitwright.quant.spec import Method
from bitwright.records import Genome, Outcome
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.tasks.image_classification import ImageClassification
from bitwright.train.nursery import Nursery
from bitwright.train.shop import Shop

Factory = Callable[[Workbench], Evaluator]
BUDGET = TrainConfig(epochs=1, images=256, batch=64, learning_rate=0.01)
METRICS = {"accuracy": Term(), "packed_bytes": Term(0.1, 1000)}


def workbench(folder: Path, limits: Mapping[str, float] | None = None) -> Workbench:
    """What an evaluator of candidates for digits works with; in the folder lies a supernet."""
    task = ImageClassification.make(DataConfig(name="digits"), seed=0)
    shop = Shop.open("contract", task, OnnxRuntimeCpu(), device=torch.device("cpu"), threads=1)
    methods = MethodSpace(
        tuple(Method.parse(f"lsq:{bits}") for bits in (2, 8)),
        (Method.parse("lsq:8", "activation"),),
    )
    stages = (StageConfig(name="stem", width=(4, 8), stride=(2,)),)
    grid = task.data.input
    space = JointSpace(stages, methods, input_shape=grid.shape, classes=task.data.outputs)
    bench = Workbench(shop, space, Reward("linear", METRICS, limits or {}), BUDGET, folder)
    folder.mkdir(parents=True, exist_ok=True)
    Nursery.of(bench).seed_bed()
    return bench


def an_outcome_is_its_jobs(make: Factory, folder: Path) -> None:
    """It carries the job's number, iteration, genome and seed, and what the reward needs."""
    bench = workbench(folder)
    job = _job(bench)
    found = make(bench).evaluate(job, Place())
    assert found.state == "complete", f"a harmless candidate is {found.state}: {found.reason}"
    for field in ("number", "iteration", "genome", "seed"):
        asked, told = getattr(job, field), getattr(found, field)
        assert told == asked, f"the job's {field} is {asked}, the outcome's is {told}"
    assert math.isfinite(found.reward), f"the reward is {found.reward}"
    missing = {name for name in bench.reward.needs if found.metric(name) is None}
    assert not missing, f"the reward needs {sorted(missing)}, which the outcome has not"
    assert 0 <= (found.metric("accuracy") or 0.0) <= 1, "accuracy lies between 0 and 1"
    blueprint = bench.space.decode(job.genome)
    assert (found.units, found.policy) == (blueprint.units, blueprint.policy), "another network"
    assert all(seconds >= 0 for _, seconds in found.seconds), "time runs forward"
    if found.model is not None:
        assert (folder / found.model).is_file(), f"there is no file '{found.model}'"


def one_seed_gives_one_outcome(make: Factory, folder: Path) -> None:
    """Two evaluators made alike find the same, whatever else they evaluated before."""
    first, second = (workbench(folder / name) for name in ("first", "second"))
    job = _job(first)
    evaluator = make(first)
    evaluator.evaluate(_job(first, last=False), Place())
    outcomes = evaluator.evaluate(job, Place()), make(second).evaluate(job, Place())
    assert _lasting(outcomes[0]) == _lasting(outcomes[1]), "one seed gave two outcomes"


def what_breaks_is_an_outcome(make: Factory, folder: Path) -> None:
    """A candidate that cannot be evaluated has failed, with the reason; nothing is raised."""
    bench = workbench(folder)
    broken = Genome(bench.space.space_id, (("stem/width", 99),))
    found = make(bench).evaluate(Job(0, 0, broken, seed=1), Place())
    assert found.state == "failed", f"a genome of no network is {found.state}"
    assert found.reason and found.traceback, "a failure says why, with its traceback"
    assert found.reward < 0, f"a failure is worth {found.reward}"


def limits_are_kept(make: Factory, folder: Path) -> None:
    """A candidate that breaks a hard limit is infeasible, with the reason and a negative reward."""
    bench = workbench(folder, {"packed_bytes": 1})
    found = make(bench).evaluate(_job(bench), Place())
    assert found.state == "infeasible", f"a candidate over its limit is {found.state}"
    assert found.reason and "packed_bytes" in found.reason, f"the reason is {found.reason!r}"
    assert found.reward < 0, f"an infeasible candidate is worth {found.reward}"


def time_is_kept(make: Factory, folder: Path) -> None:
    """A candidate whose time is up is infeasible, with the reason, unless it was quicker."""
    bench = workbench(folder)
    found = make(bench).evaluate(_job(bench), Place(limit_s=0.0))
    assert found.state != "failed", f"the end of its time is a fault: {found.reason}"
    if found.state == "infeasible":
        assert found.reason and "search.trial_minutes" in found.reason
        assert found.reward < 0, f"a candidate out of time is worth {found.reward}"


def ends_when_its_time_is_up(make: Factory, folder: Path) -> None:
    """Where it trains, it asks its place between the steps, and ends when that says so."""
    bench = workbench(folder)
    found = make(bench).evaluate(_job(bench), Place(limit_s=0.0))
    if found.curve or found.state != "complete":  # it trains
        assert found.state == "infeasible", f"a candidate without time is {found.state}"
        assert found.reward < 0, f"a candidate without time is worth {found.reward}"


def stages_make_a_whole(make: Factory, folder: Path) -> None:
    """Where it trains in stages, they come to what training in one go does, measured alike.

    Unless it starts from other weights than fresh ones: its stages tell what they are.
    """
    bench = workbench(folder)
    evaluator = make(bench)
    if not evaluator.pauses:
        return
    first = dataclasses.replace(_job(bench), fidelity=0.5)
    second = dataclasses.replace(first, number=8, fidelity=1.0, goes_on=7)
    looked, ended = (make(bench).evaluate(job, Place()) for job in (first, second))
    assert looked.state == "complete", f"a first stage is {looked.state}: {looked.reason}"
    for job, outcome in ((first, looked), (second, ended)):
        assert outcome.goes_on == job.goes_on, f"goes_on is {outcome.goes_on}"
        enough = outcome.fidelity in (job.fidelity, 1.0)
        assert enough, f"fidelity is {outcome.fidelity} where {job.fidelity} was asked for"
    if evaluator.leaves or evaluator.supernet:
        return
    assert looked.fidelity == first.fidelity, "a stage was trained to the end"
    at_once = make(bench).evaluate(dataclasses.replace(_job(bench), number=9), Place())
    assert ended.metrics == at_once.metrics, "two stages gave another network than one"
    lost = make(bench).evaluate(dataclasses.replace(second, goes_on=3), Place())
    assert lost.state == "failed", f"without what it goes on from, a stage is {lost.state}"


CHECKS: Sequence[Callable[[Factory, Path], None]] = (
    an_outcome_is_its_jobs,
    one_seed_gives_one_outcome,
    what_breaks_is_an_outcome,
    limits_are_kept,
    ends_when_its_time_is_up,
    time_is_kept,
    stages_make_a_whole,
)


def _job(bench: Workbench, *, last: bool = True) -> Job:
    genome = bench.space.fill(lambda choice: choice.options[-1 if last else 0])
    return Job(7 if last else 6, 3, genome, seed=11)


def _lasting(outcome: Outcome) -> Outcome:
    """The outcome without what no seed repeats."""
    return dataclasses.replace(outcome, seconds=())
