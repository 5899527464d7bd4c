"""The joint space: structure and quantization as one sequence of decisions (M2, M3.4).

A space is a program that asks questions. `next_choice` replays a genome's picks into it and returns
the question it stops at; `decode` returns the network it ends with. A question with one answer is
not asked. What can stand at a place depends on the map that reaches it: where nothing can, the
genome is refused with the reason.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from bitwright.config import StageConfig
from bitwright.errors import InvalidGenome, SpaceError
from bitwright.graph import Graph, GraphBuilder, Shape
from bitwright.quant.spec import ROLES, Method, Role, Site
from bitwright.records import Blueprint, Choice, Genome, Pick, Policy, UnitSpec
from bitwright.space.units import UNITS, Methods

INPUT_METHOD = Method("affine", 8, per_channel=False)
HEAD, CLASSIFIER = "head", "classifier"
Questions = Generator[Choice, Pick, "_Built"]


@dataclasses.dataclass(frozen=True, slots=True)
class MethodSpace:
    """The methods each kind of unit may take. `pinned` sites (the first unit, the head) take one.

    `removed` maps (kind, role, method) to the reason why the sensitivity filter took it out.
    """

    weights: tuple[Method, ...]
    activations: tuple[Method, ...]
    pinned: tuple[tuple[Role, Method], ...] = ()
    removed: tuple[tuple[tuple[str, Role, Method], str], ...] = ()

    def options(self, kind: str, role: Role, *, pinned: bool = False) -> tuple[Method, ...]:
        """What a unit of that kind may choose from."""
        if pinned and self.pinned:
            return (dict(self.pinned)[role],)
        methods = self.weights if role == "weight" else self.activations
        gone = {key for key, _ in self.removed}
        return tuple(method for method in methods if (kind, role, method) not in gone)


@dataclasses.dataclass(frozen=True, slots=True)
class _Built:
    """The network as far as the questions have gone."""

    units: tuple[UnitSpec, ...]
    policy: Policy


@dataclasses.dataclass(slots=True)
class _Walk:
    """The questions up to `choice`, which is not answered yet."""

    questions: Questions
    choice: Choice
    picks: tuple[tuple[str, Pick], ...] = ()

    def answer(self, path: str, pick: Pick) -> None:
        """One question further; StopIteration after the last."""
        if path != self.choice.path:
            raise InvalidGenome(f"the genome picks '{path}' where '{self.choice.path}' is asked")
        if pick not in self.choice.options:
            raise InvalidGenome(f"'{path}': {pick!r} is none of {list(self.choice.options)}")
        self.picks = (*self.picks, (path, pick))
        self.choice = self.questions.send(pick)


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """How many networks a space holds: structures alone, and with every policy."""

    structures: int
    networks: int


class JointSpace:
    """Every network that the stages and methods describe, for images of one shape and label set."""

    def __init__(
        self,
        stages: tuple[StageConfig, ...],
        methods: MethodSpace,
        *,
        input_shape: Shape,
        classes: int,
    ) -> None:
        self.stages = stages
        self.methods = methods
        self.input_shape = input_shape
        self.classes = classes
        self._walk: _Walk | None = None
        for stage in stages:
            for kind in stage.kinds:
                if UNITS.get(kind) is UNITS.get(CLASSIFIER):
                    raise SpaceError(
                        f"stage '{stage.name}': a classifier ends every network by itself; "
                        "for a hidden layer take fully_connected"
                    )
        self.space_id = _digest(stages, methods, input_shape, classes)
        if not self.size().networks:
            raise SpaceError(f"the space holds no network: {self._why_empty()}")

    def _questions(self) -> Questions:
        units: list[UnitSpec] = []
        policy: list[tuple[Site, Method]] = []
        shape = self.input_shape
        for number, stage in enumerate(self.stages):
            depth = yield from _ask(f"{stage.name}/depth", stage.depth)
            width = yield from _ask(f"{stage.name}/width", stage.width)
            stride = yield from _ask(f"{stage.name}/stride", stage.stride)
            for index in range(int(depth)):
                path = f"{stage.name}/{index}"
                step = int(stride) if index == 0 else 1
                pinned = number == 0 and index == 0
                options = self.kinds_for(stage, shape, step, pinned=pinned)
                if not options:
                    raise InvalidGenome(self._why_none(path, stage, shape, step, pinned=pinned))
                kind = str((yield from _ask(f"{path}/kind", options)))
                spec = yield from _ask_fields(path, kind, stage, int(width), step)
                units.append(spec)
                policy += yield from self._ask_methods(path, kind, pinned=pinned)
                shape = shape_after(spec, shape)
        units.append(UnitSpec(HEAD, CLASSIFIER, (("width", self.classes),)))
        policy += yield from self._ask_methods(HEAD, CLASSIFIER, pinned=True)
        return _Built(tuple(units), tuple(policy))

    def kinds_for(
        self, stage: StageConfig, shape: Shape, stride: int, *, pinned: bool
    ) -> tuple[str, ...]:
        """The stage's kinds that can stand behind a layer of that shape."""
        return tuple(
            kind for kind in stage.kinds if not self._refusal(kind, shape, stride, pinned=pinned)
        )

    def _refusal(self, kind: str, shape: Shape, stride: int, *, pinned: bool) -> str | None:
        reason = UNITS.get(kind).fits(shape, stride)
        if reason:
            return f"{kind}: {reason}"
        for role in UNITS.get(kind).roles:
            if not self.methods.options(kind, role, pinned=pinned):
                return f"{kind}: no {role} method passed the sensitivity filter"
        return None

    def _why_none(
        self, path: str, stage: StageConfig, shape: Shape, stride: int, *, pinned: bool
    ) -> str:
        reasons = (self._refusal(kind, shape, stride, pinned=pinned) for kind in stage.kinds)
        return (
            f"'{path}': none of {', '.join(stage.kinds)} can stand on "
            f"{'x'.join(map(str, shape))} with stride {stride}: " + "; ".join(filter(None, reasons))
        )

    def _ask_methods(
        self, path: str, kind: str, *, pinned: bool
    ) -> Generator[Choice, Pick, list[tuple[Site, Method]]]:
        policy = []
        for role in UNITS.get(kind).roles:
            options = self.methods.options(kind, role, pinned=pinned)
            text = yield from _ask(f"{path}/{role}", tuple(map(str, options)))
            policy.append((Site(path, role), Method.parse(str(text), role)))
        return policy

    def next_choice(self, genome: Genome) -> Choice | None:
        """The next decision after the genome's picks, or None when it is whole.

        InvalidGenome when a pick is not the one asked for, not among its options, or leads nowhere.
        """
        choice, _ = self._replay(genome)
        return choice

    def decode(self, genome: Genome) -> Blueprint:
        """The network that a whole genome names; InvalidGenome with the reason otherwise."""
        choice, built = self._replay(genome)
        if built is None or choice is not None:
            path = choice.path if choice else "?"
            raise InvalidGenome(f"the genome ends before '{path}' is picked")
        return Blueprint(self.input_shape, self.classes, built.units, built.policy)

    def fill(self, answer: Callable[[Choice], Pick]) -> Genome:
        """The genome that `answer` gives when it is asked every question in turn."""
        questions = self._questions()
        picks: list[tuple[str, Pick]] = []
        try:
            choice = next(questions)
            while True:
                pick = answer(choice)
                picks.append((choice.path, pick))
                choice = questions.send(pick)
        except StopIteration:
            return Genome(self.space_id, tuple(picks))

    def _replay(self, genome: Genome) -> tuple[Choice | None, _Built | None]:
        if genome.space_id != self.space_id:
            raise InvalidGenome(
                f"the genome is of space {genome.space_id}, this is space {self.space_id}"
            )
        answered = 0
        try:
            walk = self._walk_to(genome)
            answered = len(walk.picks)
            for path, pick in genome.picks[answered:]:
                answered += 1
                walk.answer(path, pick)
        except StopIteration as end:
            if answered < len(genome.picks):
                path = genome.picks[answered][0]
                raise InvalidGenome(f"the network is whole before the pick '{path}'") from end
            return None, end.value
        self._walk = walk
        return walk.choice, None

    def _walk_to(self, genome: Genome) -> _Walk:
        """The last walk, if the genome goes on with it: most are built pick by pick."""
        walk, self._walk = self._walk, None
        if walk is not None and walk.picks == genome.picks[: len(walk.picks)]:
            return walk
        questions = self._questions()
        return _Walk(questions, next(questions))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_walk": None}

    def declared(self) -> tuple[Choice, ...]:
        """Every question that can come up, with the union of its options, in asking order."""
        choices = []
        for number, stage in enumerate(self.stages):
            for name in ("depth", "width", "stride"):
                choices.append(Choice(f"{stage.name}/{name}", getattr(stage, name)))
            for index in range(max(stage.depth)):
                pinned = number == 0 and index == 0
                choices += self._declared_unit(f"{stage.name}/{index}", stage, pinned=pinned)
        choices += self._declared_methods(HEAD, [CLASSIFIER], pinned=True)
        return tuple(choice for choice in choices if len(choice.options) > 1)

    def _declared_unit(self, path: str, stage: StageConfig, *, pinned: bool) -> list[Choice]:
        choices = [Choice(f"{path}/kind", stage.kinds)]
        kinds = [UNITS.get(kind) for kind in stage.kinds]
        for field in dict.fromkeys(field for kind in kinds for field in kind.fields):
            choices.append(Choice(f"{path}/{field}", field_options(stage, field)))
        return choices + self._declared_methods(path, list(stage.kinds), pinned=pinned)

    def _declared_methods(self, path: str, kinds: list[str], *, pinned: bool) -> list[Choice]:
        choices = []
        for role in ROLES:
            union: dict[str, None] = {}
            for kind in kinds:
                if role in UNITS.get(kind).roles:
                    options = self.methods.options(kind, role, pinned=pinned)
                    union.update(dict.fromkeys(map(str, options)))
            choices.append(Choice(f"{path}/{role}", tuple(union)))
        return choices

    @functools.cached_property
    def _head_policies(self) -> int:
        return self._policies(CLASSIFIER, pinned=True)

    def _policies(self, kind: str, *, pinned: bool) -> int:
        count = 1
        for role in UNITS.get(kind).roles:
            count *= len(self.methods.options(kind, role, pinned=pinned))
        return count

    def size(self) -> Size:
        """The exact number of networks: counted, not estimated."""

        @functools.cache
        def from_stage(number: int, shape: Shape) -> Size:
            if number == len(self.stages):
                return Size(1, self._head_policies)
            stage = self.stages[number]
            total = Size(0, 0)
            for depth in stage.depth:
                for width in stage.width:
                    for stride in stage.stride:
                        part = from_unit(number, 0, shape, depth, width, stride)
                        total = Size(
                            total.structures + part.structures, total.networks + part.networks
                        )
            return total

        @functools.cache
        def from_unit(
            number: int, index: int, shape: Shape, depth: int, width: int, stride: int
        ) -> Size:
            if index == depth:
                return from_stage(number + 1, shape)
            stage = self.stages[number]
            structures = networks = 0
            pinned = number == 0 and index == 0
            for kind in self.kinds_for(stage, shape, stride, pinned=pinned):
                policies = self._policies(kind, pinned=pinned)
                spec = UnitSpec("", kind, (("width", width), ("stride", stride)))
                after = shape_after(spec, shape)
                rest = from_unit(number, index + 1, after, depth, width, 1)
                variants = 1
                for field in UNITS.get(kind).fields:
                    variants *= len(field_options(stage, field))
                structures += variants * rest.structures
                networks += variants * policies * rest.networks
            return Size(structures, networks)

        return from_stage(0, self.input_shape)

    def _why_empty(self) -> str:
        """The first dead end that the smallest answers lead to."""
        try:
            self.fill(lambda choice: choice.options[0])
        except InvalidGenome as dead_end:
            return str(dead_end)
        return "no stage has a kind that can stand there"


def _ask(path: str, options: Iterable[Pick]) -> Generator[Choice, Pick, Pick]:
    options = tuple(options)
    if not options:
        raise InvalidGenome(f"'{path}': nothing is left to choose from after the filters")
    if len(options) == 1:
        return options[0]
    return (yield Choice(path, options))


def _ask_fields(
    path: str, name: str, stage: StageConfig, width: int, stride: int
) -> Generator[Choice, Pick, UnitSpec]:
    kind = UNITS.get(name)
    params: list[tuple[str, Pick]] = [("stride", stride)]
    if kind.sets_width:
        params.insert(0, ("width", width))
    for field in kind.fields:
        pick = yield from _ask(f"{path}/{field}", field_options(stage, field))
        params.append((field, pick))
    return UnitSpec(path, name, tuple(params))


def field_options(stage: StageConfig, field: str) -> tuple[Pick, ...]:
    """A field's options; truth values become 0 and 1, so that a pick is a number or a text."""
    return tuple(int(x) if isinstance(x, bool) else x for x in getattr(stage, field))


def shape_after(spec: UnitSpec, shape: Shape) -> Shape:
    """The shape a unit gives, found by building it: the layers themselves are the only authority.

    Fields that do not change the shape may be missing from `spec`.
    """
    return _shape_after_cached(spec.kind, spec.params, shape)


@functools.lru_cache(maxsize=4096)
def _shape_after_cached(kind: str, params: tuple[tuple[str, Pick], ...], shape: Shape) -> Shape:
    smallest = {"kernel": 1, "expansion": 1, "squeeze_excite": 0, "convs": 2}
    spec = UnitSpec("unit", kind, tuple({**smallest, **dict(params)}.items()))
    build = GraphBuilder(shape, INPUT_METHOD)
    UNITS.get(kind).expand(build, spec, Methods(INPUT_METHOD, INPUT_METHOD))
    return build.shape(build.last)


def expand(blueprint: Blueprint) -> Graph:
    """The blueprint's layers, shapes and methods."""
    build = GraphBuilder(blueprint.input_shape, INPUT_METHOD)
    policy = dict(blueprint.policy)
    for spec in blueprint.units:
        methods = Methods(
            policy.get(Site(spec.path, "weight"), INPUT_METHOD),
            policy.get(Site(spec.path, "activation"), INPUT_METHOD),
        )
        UNITS.get(spec.kind).expand(build, spec, methods)
    return build.finish()


def _digest(
    stages: tuple[StageConfig, ...], methods: MethodSpace, input_shape: Shape, classes: int
) -> str:
    content: Mapping[str, Any] = {
        "stages": [stage.model_dump(mode="json") for stage in stages],
        "weights": [str(method) for method in methods.weights],
        "activations": [str(method) for method in methods.activations],
        "pinned": [[role, str(method)] for role, method in methods.pinned],
        "removed": [[kind, role, str(method)] for (kind, role, method), _ in methods.removed],
        "input_shape": list(input_shape),
        "classes": classes,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
