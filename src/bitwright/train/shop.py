"""Where blueprints become trained networks, and networks measured files; made once a study."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bitwright.config import TrainConfig
from bitwright.graph import Graph
from bitwright.measure.cost import costs
from bitwright.nets.build import QuantNet
from bitwright.nets.inherit import inherit
from bitwright.records import Blueprint, Measurement
from bitwright.seeds import derive
from bitwright.space.joint import expand
from bitwright.targets.base import FILE, Foretold, Target
from bitwright.tasks.base import Outputs, Samples, Task
from bitwright.train.batches import Batches
from bitwright.train.distill import Lesson
from bitwright.train.objective import Objective
from bitwright.train.trainer import Curve, Hooks, Known, train

JUDGED_AT_ONCE = 500  # inputs a forward pass when judging
NO_HOOKS = Hooks()


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Samples on the study's device: inputs uint8 (N, *shape) and a target (N, ...) for each."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, samples: Samples, device: torch.device) -> "Part":
        """The samples, moved."""
        inputs, targets = torch.from_numpy(samples.inputs), torch.from_numpy(samples.targets)
        return cls(inputs.to(device), targets.to(device))

    def first(self, count: int) -> "Part":
        """Its first samples, at most `count`."""
        return Part(self.inputs[:count], self.targets[:count])

    def __len__(self) -> int:
        return len(self.targets)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """A study's task and target at work on one device, with `threads` threads."""

    study: str
    task: Task
    target: Target
    threads: int
    train: Part
    held: Part
    lesson: Lesson | None = None  # what every network that is trained here learns besides

    @classmethod
    def open(
        cls, study: str, task: Task, target: Target, *, device: torch.device, threads: int
    ) -> "Shop":
        """The shop with its training data in place."""
        train, held = (Part.of(part, device) for part in (task.data.train, task.data.held))
        return cls(study, task, target, threads, train, held)

    @property
    def device(self) -> torch.device:
        """Where networks are trained."""
        return self.train.inputs.device

    @property
    def test(self) -> Part:
        """The test set: touched once, when a study's winner is known."""
        return Part.of(self.task.data.test, self.device)

    @property
    def objective(self) -> Objective:
        """What networks are trained for."""
        return Objective(self.task.loss, self.lesson)

    def build(self, blueprint: Blueprint, seed: int) -> QuantNet:
        """The blueprint's network with fresh weights."""
        grid = self.task.data.input
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = QuantNet(expand(blueprint), input_step=grid.step, input_zero=grid.zero_point)
        return net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def batches(self, budget: TrainConfig, seed: int, *, augment: bool = True) -> Batches:
        """Training batches; a random part of the data where the budget names a number of images."""
        generator = torch.Generator().manual_seed(seed)
        rows = None
        if budget.images is not None and budget.images < len(self.train):
            rows = torch.randperm(len(self.train), generator=generator)[: budget.images]
        return self.task.batches(self.train, budget.batch, generator, rows=rows, augment=augment)

    def trained(
        self,
        blueprint: Blueprint,
        budget: TrainConfig,
        seed: int,
        hooks: Hooks = NO_HOOKS,
        parent: QuantNet | None = None,
        part: float = 1.0,
    ) -> tuple[QuantNet, Curve]:
        """The blueprint's network, trained under its policy for a part of the budget.

        From a parent's weights, if given.
        """
        net = self.build(blueprint, derive(seed, 0, "weights"))
        known = frozenset[str]() if parent is None else inherit(net, parent)
        return net, self.tuned(net, budget, seed, hooks, known, part)

    def tuned(
        self,
        net: QuantNet,
        budget: TrainConfig,
        seed: int,
        hooks: Hooks,
        known: frozenset[str],
        part: float,
    ) -> Curve:
        """How the training went, for a part of the budget, of a network of which layers know some.

        Those that are `known`, by name, start from trained weights.
        """
        batches = self.batches(budget, derive(seed, 0, "batches"))
        short = budget.part(part)
        return train(net, batches, short, hooks, self.objective, Known(known, part))

    def score(self, net: QuantNet, part: Part) -> float:
        """How right the network is as it stands, 0 to 1."""
        return self.task.score(outputs(net, part), part.targets.cpu().numpy())

    def export(self, net: QuantNet, path: Path, metadata: dict[str, str]) -> None:
        """Writes the file to ship."""
        path.parent.mkdir(parents=True, exist_ok=True)
        data = self.task.data
        common = {"study": self.study, "data": data.name, "data_sha256": data.digest}
        about = {**common, **self.task.metadata(), **metadata}
        self.target.export(net.to_integer(), path, about)

    def score_of_file(self, path: Path, part: Part) -> float:
        """How right the exported file is, 0 to 1."""
        return self.task.score(self.answered(path, part), part.targets.cpu().numpy())

    def scores_on_each(self, path: Path, part: Part) -> dict[str, float]:
        """How right the file is on each of several targets, by name; empty where there is one."""
        return {
            name: dataclasses.replace(self, target=target).score_of_file(path, part)
            for name, target in self.target.each.items()
        }

    def answered(self, path: Path, part: Part) -> Outputs:
        """What the exported file gives for each input, (N, outputs), as the target runs it."""
        return self.target.load(path, threads=self.threads).logits(part.inputs.cpu().numpy())

    def refusal(self, blueprint: Blueprint) -> str | None:
        """Why the target does not run the network; None where it does."""
        for site, method in blueprint.policy:
            reason = self.target.supports(method, site.role)
            if reason is not None:
                return f"{method}: {reason}"
        return self.target.lacks(expand(blueprint))

    def costs(self, blueprint: Blueprint) -> dict[str, float]:
        """What the network costs, known before it is trained."""
        return self.counted(expand(blueprint))

    def counted(self, graph: Graph) -> dict[str, float]:
        """What the graph alone decides: its costs, and what the target counts or models of it."""
        exact = {name: float(value) for name, value in costs(graph).items()}
        return {**exact, **self.target.counted(graph)}

    def foretold(self, graph: Graph, needs: Collection[str]) -> dict[str, Foretold]:
        """What the target foretells of the needed metrics that the graph does not decide."""
        open_ = frozenset(needs) & set(self.target.metrics) - self.target.counted(graph).keys()
        return self.target.foretold(graph, open_ - {FILE}) if open_ else {}

    def times(self, needs: Collection[str]) -> bool:
        """Whether these metrics can be told only by timing the file, on a quiet machine."""
        return self.target.times(needs)

    def measured(self, graph: Graph, path: Path, needs: Collection[str]) -> dict[str, Measurement]:
        """The file's metrics; those that are timed only where they are needed: that takes time."""
        exact = {name: Measurement(value) for name, value in self.counted(graph).items()}
        exact |= self.target.measured(path, needs)
        return {**exact, FILE: Measurement(float(path.stat().st_size))}


@torch.no_grad()
def outputs(net: QuantNet, part: Part) -> Outputs:
    """What the network gives for each input, float32 (N, outputs), in evaluation mode."""
    training = net.training
    net.eval()
    found = [
        net(part.inputs[at : at + JUDGED_AT_ONCE]) for at in range(0, len(part), JUDGED_AT_ONCE)
    ]
    net.train(training)
    return np.asarray(torch.cat(found).cpu().numpy())
