"""The contract of a task as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_task(check):
        check(lambda seed: MyTask.make(DataConfig(name="digits"), seed=seed))

Each check raises AssertionError with the law that was broken. The data should be small: one check
trains a network on it.
"""

import pickle
from collections.abc import Callable, Sequence

import numpy as np
import torch

from bitwright.config import TrainConfig
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.space.joint import expand
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.tasks.base import Samples, Task
from bitwright.testing.networks import blueprint_of
from bitwright.train.shop import Shop

Factory = Callable[[int], Task]
SEED = 5
AGREED = 1e-6  # the gradient where two float32 distributions are the same
BUDGET = TrainConfig(epochs=4, images=512, batch=64, learning_rate=0.01)


def has_three_parts(make: Factory) -> None:
    """Each part has inputs on the task's grid and a target for each."""
    data = make(SEED).data
    for name, part in {"train": data.train, "held": data.held, "test": data.test}.items():
        assert len(part), f"'{name}' is empty"
        assert part.inputs.dtype == np.uint8, f"'{name}' has inputs of {part.inputs.dtype}"
        assert part.inputs.shape == (len(part), *data.input.shape), (
            f"'{name}' has inputs of shape {part.inputs.shape}, promised is {data.input.shape}"
        )
        assert len(part.targets) == len(part.inputs), f"'{name}' has inputs without targets"
    assert data.input.step > 0 and 0 <= data.input.zero_point <= 255, f"{data.input} is no grid"
    assert data.outputs > 0, "networks have at least one output"
    assert data.name and data.origin and data.digest, "the data has a name, origin and digest"


def one_seed_gives_one_task(make: Factory) -> None:
    """The same settings and seed give the same data, in the same order; other seeds split anew."""
    first, second = make(SEED).data, make(SEED).data
    for name in ("train", "held", "test"):
        assert _same(getattr(first, name), getattr(second, name)), f"'{name}' was drawn anew"
    assert first.digest == second.digest, "one data set has two digests"
    assert _same(first.test, make(SEED + 1).data.test), "the test set depends on the seed"


def travels(make: Factory) -> None:
    """It pickles, with its data."""
    task = make(SEED)
    again = pickle.loads(pickle.dumps(task))
    assert _same(task.data.held, again.data.held), "pickling changed the data"
    assert again.metadata() == task.metadata(), "pickling changed the metadata"


def answers_every_input(make: Factory) -> None:
    """There is an answer for each input, and a score from 0 to 1, from outputs alone."""
    task = make(SEED)
    held = task.data.held
    outputs = np.random.default_rng(0).normal(size=(len(held), task.data.outputs))
    outputs = outputs.astype(np.float32)
    before = outputs.copy()
    assert len(task.answers(outputs)) == len(held), "answers are not one for each input"
    scores = [task.score(outputs, held.targets) for _ in range(2)]
    assert isinstance(scores[0], float), f"the score {scores[0]!r} is no float"
    assert 0 <= scores[0] <= 1, f"the score {scores[0]} is not between 0 and 1"
    assert scores[0] == scores[1], "the same outputs got two scores"
    assert np.array_equal(outputs, before), "scoring changed the outputs"


def has_a_loss(make: Factory) -> None:
    """The loss is one finite number that every output's gradient comes from."""
    task = make(SEED)
    targets = torch.from_numpy(task.data.train.targets[:64])
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(len(targets), task.data.outputs, generator=generator).requires_grad_()
    loss = task.loss(outputs, targets, BUDGET)
    assert loss.shape == (), f"the loss has shape {tuple(loss.shape)}; it is one number"
    assert loss.isfinite(), f"the loss is {loss}"
    (gradient,) = torch.autograd.grad(loss, [outputs])
    assert gradient.isfinite().all() and gradient.abs().sum() > 0, "the loss teaches nothing"


def imitates_a_teacher(make: Factory) -> None:
    """Where networks can learn from a teacher, it is best to answer as the teacher does."""
    task = make(SEED)
    imitate = task.imitation()
    if imitate is None:
        return
    taught = torch.randn(64, task.data.outputs, generator=torch.Generator().manual_seed(0))
    for temperature in (1.0, 4.0):
        agreed = taught.clone().requires_grad_()
        least = imitate(agreed, taught, temperature)
        assert least.shape == (), f"the loss has shape {tuple(least.shape)}; it is one number"
        (gradient,) = torch.autograd.grad(least, [agreed])
        assert gradient.abs().max() < AGREED, "who answers as the teacher does is still corrected"
        other = imitate(torch.zeros_like(taught), taught, temperature)
        assert other > least, "to answer otherwise than the teacher costs nothing"


def knows_its_views(make: Factory) -> None:
    """Inputs as they are come first, and batches show no view that the task does not name."""
    shop = _shop(make(SEED))
    views = shop.task.views(shop.held.inputs)
    assert torch.equal(views[0], shop.held.inputs), "the first view is the input as it is"
    batch = next(iter(shop.batches(BUDGET, SEED)))
    assert int(batch.views.max()) < len(views), "a batch has a view that no teacher is asked about"
    assert torch.equal(shop.train.targets[batch.rows], batch.targets), "rows are of other inputs"


def a_network_learns(make: Factory) -> None:
    """A small network that trains on it scores better on held-out data than it began."""
    shop = _shop(make(SEED))
    blueprint = _small_network(shop.task)
    before = shop.score(shop.build(blueprint, SEED), shop.held)
    net, curve = shop.trained(blueprint, BUDGET, SEED)
    after = shop.score(net, shop.held)
    assert curve[-1][1] < curve[0][1], f"the loss went from {curve[0][1]} to {curve[-1][1]}"
    assert after > before, f"the score went from {before} to {after} by training"


def says_what_a_file_needs(make: Factory) -> None:
    """Metadata are texts; the baseline, where there is one, is a network for these inputs."""
    task = make(SEED)
    for key, value in task.metadata().items():
        assert isinstance(key, str) and isinstance(value, str), f"metadata {key!r}: {value!r}"
    baseline = task.baseline(Method.parse("lsq:8"), Method.parse("lsq:8", "activation"))
    if baseline is not None:
        graph = expand(baseline)
        assert graph.input.shape == task.data.input.shape, "the baseline takes other inputs"
        assert graph.output.shape == (task.data.outputs,), "the baseline has other outputs"


CHECKS: Sequence[Callable[[Factory], None]] = (
    has_three_parts,
    one_seed_gives_one_task,
    travels,
    answers_every_input,
    has_a_loss,
    imitates_a_teacher,
    knows_its_views,
    a_network_learns,
    says_what_a_file_needs,
)


def _same(first: Samples, second: Samples) -> bool:
    return np.array_equal(first.inputs, second.inputs) and np.array_equal(
        first.targets, second.targets
    )


def _shop(task: Task) -> Shop:
    cpu = torch.device("cpu")
    return Shop.open("contract", task, OnnxRuntimeCpu(), device=cpu, threads=1)


def _small_network(task: Task) -> Blueprint:
    stages = [{"name": "stem", "width": 8}, {"name": "body", "width": 16, "stride": 2}]
    if len(task.data.input.shape) != 3:
        stages = [{"name": "stem", "kinds": "fully_connected", "width": 32}]
    return blueprint_of(
        *stages,
        weight="lsq:8:channel",
        activation="lsq:8:tensor",
        shape=task.data.input.shape,
        classes=task.data.outputs,
    )
