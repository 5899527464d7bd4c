"""What of a space a processor has the layers for; the rest leaves it before the search (M6.3)."""

import dataclasses
import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping

from bitwright.config import StageConfig
from bitwright.errors import TargetError
from bitwright.graph import Graph, Shape
from bitwright.records import Pick, UnitSpec
from bitwright.space.joint import JointSpace, field_options
from bitwright.space.reach import anywhere, graph_of, reachable_units
from bitwright.space.units import UNITS

Lacks = Callable[[Graph], str | None]
Picks = tuple[Pick, ...]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Runnable:
    """The space that is left, and a line for each thing that is not, with the reason."""

    space: JointSpace
    left_out: tuple[str, ...] = ()


def runnable(space: JointSpace, lacks: Lacks) -> Runnable:
    """The space without what the processor does not run; TargetError where a stage would be empty.

    `lacks` says of a network what it needs that the processor does not have, or None. An option of
    a field leaves where a kind does not run with it, whatever else is chosen; a kind leaves where
    it does not run with all that is left, somewhere in its stage.
    """
    lines: list[str] = []
    reasons = _reasons(space, lacks)
    stages = tuple(_narrowed(stage, reasons[stage.name], lines) for stage in space.stages)
    if not lines:
        return Runnable(space)
    shape, classes = space.input_shape, space.classes
    return Runnable(
        JointSpace(stages, space.methods, input_shape=shape, classes=classes), tuple(lines)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of unit in a stage: what each choice of its fields lacks, None where it runs."""

    name: str
    lacks: Mapping[Picks, str | None]

    @property
    def fields(self) -> tuple[str, ...]:
        return UNITS.get(self.name).fields

    @property
    def runs(self) -> bool:
        """Whether it does with some choice; what never comes up is in nobody's way."""
        return not self.lacks or None in self.lacks.values()

    def option(self, at: int, option: Pick) -> str | None:
        """Why no choice with that option of the field at `at` runs; None where one does."""
        reasons = [why for picks, why in self.lacks.items() if picks[at] == option]
        return None if None in reasons or not reasons else reasons[0]

    def whole(self, options: Mapping[str, Picks]) -> str | None:
        """Why it does not run with all of these options; None where it does."""
        choices = itertools.product(*(options[field] for field in self.fields))
        return next(filter(None, map(self.lacks.get, choices)), None)


_Reasons = dict[str, dict[Picks, str | None]]  # by kind and choice of its fields


def _reasons(space: JointSpace, lacks: Lacks) -> dict[str, _Reasons]:
    """For each stage, kind and choice of its fields, what it lacks wherever it can stand."""
    found: dict[str, _Reasons] = defaultdict(lambda: defaultdict(dict))

    @functools.cache  # many places share a unit, but for its path
    def lacking(spec: UnitSpec, shape: Shape) -> str | None:
        return lacks(graph_of(spec, shape))

    for spec, before in reachable_units(space):
        stage, kind, params = spec.path.partition("/")[0], spec.kind, dict(spec.params)
        picks = tuple(params[field] for field in UNITS.get(kind).fields)
        if found[stage][kind].get(picks) is None:
            found[stage][kind][picks] = lacking(anywhere(spec), before.shape)
    return found


def _narrowed(stage: StageConfig, reasons: _Reasons, lines: list[str]) -> StageConfig:
    """The stage without what does not run, of which it adds a line each."""
    kinds = [_Kind(kind, reasons[kind]) for kind in stage.kinds]
    options = {field: field_options(stage, field) for kind in kinds for field in kind.fields}
    told = []
    for kind in filter(lambda one: one.runs, kinds):  # the others leave whole
        for at, field in enumerate(kind.fields):
            for option in options[field]:
                reason = kind.option(at, option)
                if reason is not None:
                    options[field] = tuple(one for one in options[field] if one != option)
                    told.append(f"{stage.name} {field} {option} of {kind.name}: {reason}")
    left = []
    for kind in kinds:
        reason = kind.whole(options) if kind.runs else next(iter(kind.lacks.values()))
        if reason is None:
            left.append(kind.name)
        else:
            told.append(f"{stage.name} {kind.name}: {reason}")
    if not left or not all(options.values()):
        raise TargetError(
            f"stage '{stage.name}' would be empty without what the target does not run: "
            f"{'; '.join(told)}; give it other kinds or another target"
        )
    lines += told
    kept = {
        field: tuple(one for one in getattr(stage, field) if _pick(one) in options[field])
        for field in options
    }
    return stage.model_copy(update={"kinds": tuple(left), **kept})


def _pick(option: Pick | bool) -> Pick:
    """An option as a genome picks it: truth values as numbers."""
    return int(option) if isinstance(option, bool) else option
