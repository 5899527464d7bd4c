"""What of a space a processor has the layers for; the rest leaves it before the search (M6.3)."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping

from bitwright.config import StageConfig
from bitwright.errors import TargetError
from bitwright.graph import Graph, GraphBuilder, Shape
from bitwright.records import Pick, UnitSpec
from bitwright.space.joint import INPUT_METHOD, field_options
from bitwright.space.units import UNITS, Methods

Lacks = Callable[[Graph], str | None]
Picks = tuple[Pick, ...]
SIDE = 8  # of the maps that units are tried on


@dataclasses.dataclass(frozen=True, slots=True)
class Runnable:
    """The stages that are left, and a line for each thing that is not, with the reason."""

    stages: tuple[StageConfig, ...]
    left_out: tuple[str, ...] = ()


def runnable(stages: tuple[StageConfig, ...], lacks: Lacks) -> Runnable:
    """The stages without what the processor does not run; TargetError where one would be empty.

    `lacks` says of a network what it needs that the processor does not have, or None. An option of
    a field leaves where a kind does not run with it, whatever else is chosen; a kind leaves where
    it does not run with all that is left.
    """
    found = [_narrowed(stage, lacks) for stage in stages]
    lines = tuple(line for one in found for line in one.left_out)
    return Runnable(tuple(stage for one in found for stage in one.stages), lines)


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of unit in a stage: what each choice of its fields lacks, None where it runs."""

    name: str
    lacks: Mapping[Picks, str | None]

    @property
    def fields(self) -> tuple[str, ...]:
        return UNITS.get(self.name).fields

    def option(self, at: int, option: Pick) -> str | None:
        """Why no choice with that option of the field at `at` runs; None where one does."""
        reasons = [why for picks, why in self.lacks.items() if picks[at] == option]
        return None if None in reasons else reasons[0]

    def whole(self, options: Mapping[str, Picks]) -> str | None:
        """Why it does not run with all of these options; None where it does."""
        choices = itertools.product(*(options[field] for field in self.fields))
        return next(filter(None, map(self.lacks.__getitem__, choices)), None)


def _narrowed(stage: StageConfig, lacks: Lacks) -> Runnable:
    kinds = [_Kind(kind, _reasons(stage, kind, lacks)) for kind in stage.kinds]
    lines: list[str] = []
    some = [kind for kind in kinds if None in kind.lacks.values()]  # the others leave whole
    options = {field: field_options(stage, field) for kind in kinds for field in kind.fields}
    for kind in some:
        for at, field in enumerate(kind.fields):
            for option in options[field]:
                reason = kind.option(at, option)
                if reason is not None:
                    options[field] = tuple(one for one in options[field] if one != option)
                    lines.append(f"{stage.name} {field} {option} of {kind.name}: {reason}")
    left = []
    for kind in kinds:
        reason = kind.whole(options) if kind in some else next(iter(kind.lacks.values()))
        if reason is None:
            left.append(kind.name)
        else:
            lines.append(f"{stage.name} {kind.name}: {reason}")
    if not left or not all(options.values()):
        raise TargetError(
            f"stage '{stage.name}' would be empty without what the target does not run: "
            f"{'; '.join(lines)}; give it other kinds or another target"
        )
    kept = {
        field: tuple(one for one in getattr(stage, field) if _pick(one) in options[field])
        for field in options
    }
    return Runnable((stage.model_copy(update={"kinds": tuple(left), **kept}),), tuple(lines))


def _pick(option: Pick | bool) -> Pick:
    """An option as a genome picks it: truth values as numbers."""
    return int(option) if isinstance(option, bool) else option


def _reasons(stage: StageConfig, name: str, lacks: Lacks) -> dict[Picks, str | None]:
    """For each choice of a kind's fields, what it lacks on any shape that may reach it."""
    fields = UNITS.get(name).fields
    return {
        picks: next(filter(None, map(lacks, _graphs(stage, name, picks))), None)
        for picks in itertools.product(*(field_options(stage, field) for field in fields))
    }


def _graphs(stage: StageConfig, name: str, picks: Picks) -> Iterator[Graph]:
    """The unit alone, where it can stand: after its own width, so that it may sum, and another."""
    kind, width = UNITS.get(name), stage.width[0]
    shapes: tuple[Shape, ...] = ((width, SIDE, SIDE), (width + 1, SIDE, SIDE), (width,))
    for shape, stride in itertools.product(shapes, {1, *stage.stride}):
        if kind.fits(shape, stride) is None:
            params = {
                "width": width,
                "stride": stride,
                **dict(zip(kind.fields, picks, strict=True)),
            }
            build = GraphBuilder(shape, INPUT_METHOD)
            spec = UnitSpec("unit", name, tuple(params.items()))
            kind.expand(build, spec, Methods(INPUT_METHOD, INPUT_METHOD))
            yield build.finish()
