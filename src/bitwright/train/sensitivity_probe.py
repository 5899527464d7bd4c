"""Measures what `quant.sensitivity` judges: networks with one unit's method changed (M4.2).

For every kind of unit, a network that uses it wherever it can stand is trained briefly at the
widest methods. Then, unit by unit and method by method, a copy takes the method at that unit, is
tuned for a few steps, and is judged on held-out data.
"""

import copy
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bitwright.config import AugmentConfig, SensitivityConfig, TrainConfig
from bitwright.measure.cost import costs
from bitwright.nets.build import QuantNet
from bitwright.quant.sensitivity import Performance, Probe
from bitwright.quant.spec import ROLES, Method, Role, Site
from bitwright.records import Blueprint, Choice, Pick
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace, expand
from bitwright.space.units import UNITS
from bitwright.tasks.image_classification import accuracy
from bitwright.train.candidate import Shop
from bitwright.train.trainer import train

TUNING_RATE = 0.25  # of the training's learning rate


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """One probe to make: in the network of `kind`, the unit at `path` takes `method`."""

    kind: str
    path: str
    role: Role
    method: Method


@dataclasses.dataclass(frozen=True, slots=True)
class Prober:
    """Makes all probes of a study, one after the other."""

    shop: Shop
    space: JointSpace
    settings: SensitivityConfig
    budget: TrainConfig
    methods: dict[Role, tuple[Method, ...]]
    seed: int
    progress: Callable[[int, int], None]

    def probes(self) -> tuple[Probe, ...]:
        """Every probe; the classifier's are made on the first kind's network."""
        networks = {kind: self._blueprint(kind) for kind in self._kinds()}
        questions = {kind: list(self._questions(kind, networks)) for kind in networks}
        total = sum(map(len, questions.values()))
        done: list[Probe] = []
        for kind, blueprint in networks.items():
            budget = self.budget.model_copy(
                update={"epochs": self.settings.epochs, "patience": None, "steps": None}
            )
            net, _ = self.shop.trained(blueprint, budget, derive(self.seed, 0, f"probe {kind}"))
            for question in questions[kind]:
                done.append(self._ask(question, blueprint, net))
                self.progress(len(done), total)
        return tuple(done)

    def _kinds(self) -> list[str]:
        """The kinds of unit in the space that have a method to choose."""
        named = dict.fromkeys(kind for stage in self.space.stages for kind in stage.kinds)
        return [kind for kind in named if UNITS.get(kind).roles]

    def _blueprint(self, kind: str) -> Blueprint:
        """The network of `kind` wherever it can stand, at the widest methods."""

        def answer(choice: Choice) -> Pick:
            last = choice.path.rsplit("/", 1)[1]
            if last == "kind":
                return kind if kind in choice.options else choice.options[0]
            if last in ROLES:
                return max(choice.options, key=lambda text: Method.parse(str(text)).bits)
            return choice.options[len(choice.options) // 2]

        return self.space.decode(self.space.fill(answer))

    def _questions(self, kind: str, networks: dict[str, Blueprint]) -> Iterator[Question]:
        first = next(iter(networks))
        for unit in networks[kind].units:
            if unit.kind == kind or (unit.kind == "classifier" and kind == first):
                for role in UNITS.get(unit.kind).roles:
                    for method in self.methods[role]:
                        yield Question(unit.kind, unit.path, role, method)

    def _ask(self, question: Question, blueprint: Blueprint, trained: QuantNet) -> Probe:
        site = Site(question.path, question.role)
        policy = tuple(
            (place, question.method if place == site else method)
            for place, method in blueprint.policy
        )
        changed = dataclasses.replace(blueprint, policy=policy)
        net = self._changed(changed, trained)
        self._tune(net)
        held = self.shop.task.held.first(self.settings.images)
        price = costs(expand(changed))
        performance = Performance(
            accuracy(net, held),
            self._latency(net) if self.settings.latency else 0.0,
            float(price["packed_bytes"] + price["peak_activation_bytes"]),
        )
        return Probe(question.path, question.kind, question.role, question.method, performance)

    def _changed(self, blueprint: Blueprint, trained: QuantNet) -> QuantNet:
        """The trained weights under the changed policy; new quantizers are fitted anew."""
        net = self.shop.task.build(blueprint, seed=0)
        old, new = trained.graph, net.graph
        for node in new.nodes[1:]:
            before, after = trained.layer(node.name), net.layer(node.name)
            same = old.node(node.name)
            state = copy.deepcopy(before.state_dict())
            if same.weight != node.weight:
                state = {k: v for k, v in state.items() if not k.startswith("quantize_weight.")}
            if same.activation != node.activation:
                state = {k: v for k, v in state.items() if not k.startswith("output.")}
            after.load_state_dict(state, strict=False)
        return net

    def _tune(self, net: QuantNet) -> None:
        """A few steps at a low rate, without augmentation; at the least, quantizers see data."""
        config = self.budget.model_copy(
            update={
                "steps": max(1, self.settings.tune_steps),
                "epochs": 1.0,
                "patience": None,
                "warmup": 0.0,
                "learning_rate": self.budget.learning_rate * TUNING_RATE,
            }
        )
        batches = self.shop.task.batches(config, derive(self.seed, 0, "tune"))
        batches.augment = AugmentConfig()
        train(net, batches, config)

    def _latency(self, net: QuantNet) -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "probe.onnx"
            self.shop.export(net, path, {})
            return self.shop.target.measure(path)["latency_ms"].value
