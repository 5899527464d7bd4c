"""Measures what `quant.sensitivity` judges: networks with one unit's method changed (M4.2).

For every kind of unit, a network that uses it wherever it can stand is trained briefly at the
widest methods. Then, unit by unit and method by method, a copy takes the method at that unit, is
tuned for a few steps, and is judged on held-out data. Pinned units have nothing to choose and are
not asked about.
"""

import copy
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bitwright.config import SensitivityConfig, TrainConfig
from bitwright.errors import InvalidGenome
from bitwright.measure.cost import costs
from bitwright.nets.build import QuantNet
from bitwright.quant.sensitivity import Performance, Probe
from bitwright.quant.spec import ROLES, Method, Role, Site
from bitwright.records import Blueprint, Choice, Pick
from bitwright.seeds import derive, generator
from bitwright.space.joint import HEAD, JointSpace, expand
from bitwright.space.units import UNITS
from bitwright.train.shop import Shop
from bitwright.train.trainer import train

TUNING_RATE = 0.25  # of the training's learning rate
TRIES = 1000  # networks to look at for one that holds units of a kind


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """One probe to make: in the network of `kind`, the unit at `path` takes `method`."""

    kind: str
    path: str
    role: Role
    method: Method


@dataclasses.dataclass(frozen=True, slots=True)
class Inquiry:
    """The network of a kind, and what is asked of it."""

    kind: str
    blueprint: Blueprint
    questions: tuple[Question, ...]


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
        inquiries = self.inquiries()
        total = sum(len(inquiry.questions) for inquiry in inquiries)
        done: list[Probe] = []
        for inquiry in inquiries:
            seed = derive(self.seed, 0, f"probe {inquiry.kind}")
            net, _ = self.shop.trained(inquiry.blueprint, self.training(), seed)
            for question in inquiry.questions:
                done.append(self.ask(question, inquiry.blueprint, net))
                self.progress(len(done), total)
        return tuple(done)

    def inquiries(self) -> tuple[Inquiry, ...]:
        """The networks to train, with what is asked of each; none of which nothing is asked."""
        found = {kind: self._blueprint(kind) for kind in self._kinds()}
        networks = {kind: network for kind, network in found.items() if network is not None}
        asked = (
            Inquiry(kind, blueprint, tuple(self._questions(kind, networks)))
            for kind, blueprint in networks.items()
        )
        return tuple(inquiry for inquiry in asked if inquiry.questions)

    def training(self) -> TrainConfig:
        """How each kind's network is trained before it is asked."""
        return self.budget.model_copy(
            update={"epochs": self.settings.epochs, "patience": None, "steps": None}
        )

    def _kinds(self) -> list[str]:
        """The kinds of unit in the space that have a method to choose."""
        named = dict.fromkeys(kind for stage in self.space.stages for kind in stage.kinds)
        return [kind for kind in named if UNITS.get(kind).roles]

    def _blueprint(self, kind: str) -> Blueprint | None:
        """A network of `kind` wherever it can stand, at the widest methods.

        The middle options where they make one, else drawn ones; None where none was found.
        """
        draws = generator(self.seed, 0, f"probe {kind}")
        for number in range(TRIES):
            answer = functools.partial(_answer, kind=kind, draws=draws if number else None)
            try:
                blueprint = self.space.decode(self.space.fill(answer))
            except InvalidGenome:  # such as a second unit where only pooling is listed
                continue
            if any(unit.kind == kind for unit in blueprint.units):
                return blueprint
        return None

    def _questions(self, kind: str, networks: dict[str, Blueprint]) -> Iterator[Question]:
        first = next(iter(networks))
        units = networks[kind].units
        pinned = (units[0].path, HEAD) if self.space.methods.pinned else ()
        for unit in units:
            asked = unit.kind == kind or (unit.kind == "classifier" and kind == first)
            if asked and unit.path not in pinned:
                for role in UNITS.get(unit.kind).roles:
                    for method in self.methods[role]:
                        yield Question(unit.kind, unit.path, role, method)

    def ask(self, question: Question, blueprint: Blueprint, trained: QuantNet) -> Probe:
        """The answer: how a copy of the trained network does with the one method changed."""
        site = Site(question.path, question.role)
        policy = tuple(
            (place, question.method if place == site else method)
            for place, method in blueprint.policy
        )
        changed = dataclasses.replace(blueprint, policy=policy)
        net = self._changed(changed, trained)
        self._tune(net)
        held = self.shop.held.first(self.settings.images)
        price = costs(expand(changed))
        performance = Performance(
            self.shop.score(net, held),
            self._latency(net) if self.settings.latency else None,
            float(price["packed_bytes"] + price["peak_activation_bytes"]),
        )
        return Probe(question.path, question.kind, question.role, question.method, performance)

    def _changed(self, blueprint: Blueprint, trained: QuantNet) -> QuantNet:
        """The trained weights under the changed policy; new quantizers are fitted anew."""
        net = self.shop.build(blueprint, seed=0)
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
                "full_precision": 0.0,
                "learning_rate": self.budget.learning_rate * TUNING_RATE,
            }
        )
        batches = self.shop.batches(config, derive(self.seed, 0, "tune"), augment=False)
        train(net, batches, config, objective=self.shop.objective)

    def _latency(self, net: QuantNet) -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "probe.onnx"
            self.shop.export(net, path, {})
            return self.shop.target.leading.measure(path)["latency_ms"].value


def _answer(choice: Choice, *, kind: str, draws: np.random.Generator | None) -> Pick:
    """The pick for a network of `kind`; of a structure the middle option, or a drawn one."""
    last = choice.path.rsplit("/", 1)[1]
    if last == "kind" and kind in choice.options:
        return kind
    if last in ROLES:
        return max(choice.options, key=lambda text: Method.parse(str(text)).bits)
    if draws is not None:
        return choice.options[int(draws.integers(len(choice.options)))]
    return choice.options[0 if last == "kind" else len(choice.options) // 2]
