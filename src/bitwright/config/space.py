"""The keys below `space`."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from bitwright.config.part import Bools, Ints, Part, Texts

POSSIBLE: dict[str, range | tuple[int, ...]] = {
    "depth": range(1, 33),
    "width": range(1, 2049),
    "stride": (1, 2, 4),
    "kernel": (1, 3, 5, 7),
    "expansion": range(1, 17),
    "convs": (2, 3),
}


class StageConfig(Part):
    """One stretch of the network: `depth` units, each of one of the `kinds`.

    Every key lists the options that the search chooses from. `width` (channels) and `stride` (of
    the first unit) are chosen once a stage; kind, kernel, expansion, squeeze_excite and convs unit
    by unit.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Names the stage's units: body1/0, body1/1; "input" and "head" are taken."""

    kinds: Texts = ("conv",)
    """What each unit may be."""

    depth: Ints = (1,)
    """How many units."""

    width: Ints = (16,)
    """Channels."""

    stride: Ints = (1,)
    """Stride of the first unit; the others have 1."""

    kernel: Ints = (3,)
    """Side of the kernels."""

    expansion: Ints = (2,)
    """How many times wider an inverted bottleneck is inside."""

    squeeze_excite: Bools = (False,)
    """Whether an inverted bottleneck has a squeeze-excite gate."""

    convs: Ints = (2,)
    """Convolutions in a residual unit."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for key, allowed in POSSIBLE.items():
            _within(key, getattr(self, key), allowed)
        for key in type(self).model_fields:
            options = getattr(self, key)
            if key != "name" and len(set(options)) != len(options):
                raise ValueError(f"'{key}' lists an option twice: {list(options)}")
        return self


def _within(key: str, values: Sequence[Any], allowed: range | tuple[int, ...]) -> None:
    for value in values:
        if value not in allowed:
            raise ValueError(f"'{key}': {value} is outside what is possible ({_span(allowed)})")


def _span(allowed: range | tuple[int, ...]) -> str:
    if isinstance(allowed, range):
        return f"{allowed.start} to {allowed.stop - 1}"
    return ", ".join(map(str, allowed))


class SpaceConfig(Part):
    """The structures to search: a list of stages, or a named template with overrides per stage."""

    template: str | None = None
    """A ready space to start from."""

    stages: Annotated[tuple[StageConfig, ...], Field(min_length=1)] | None = None
    """The stages themselves, in the order that data runs through them."""

    override: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Stage name to the keys that replace the template's own."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.template is None) == (self.stages is None):
            raise ValueError("give either 'template' (a name) or 'stages' (a list)")
        if self.stages is not None and self.override:
            raise ValueError("'override' goes with 'template'; change the stages themselves")
        names = [stage.name for stage in self.stages or ()]
        for name in names:
            if names.count(name) > 1 or name in ("input", "head"):
                raise ValueError(f"stage name '{name}' is taken; 'input' and 'head' are reserved")
        return self
