"""The space that fits the answers: its template, its strides, and widths that keep the limit."""

import dataclasses
import math
import statistics

from bitwright.cli.starter.answers import is_small
from bitwright.config import SpaceConfig
from bitwright.errors import ConfigError
from bitwright.quant.spec import Method, Role
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import TEMPLATES, stages_of
from bitwright.targets.base import make
from bitwright.tasks.data.glimpse import Glimpse

METHODS: dict[Role, tuple[str, ...]] = {
    "weight": ("lsq:2", "lsq:4", "lsq:8"),
    "activation": ("lsq:4", "lsq:8"),
}
SAMPLED = 60  # random candidates looked at
FITTING = 0.25  # of them are to keep the limit on the packed size
NARROWER = (1.0, 0.5, 0.25)  # of the template's widths, tried until so many do
STRIDES = (  # images of at least so many pixels take these strides, to be smaller early on
    (160, {"stem": 4, "body1": 2}),
    (64, {"stem": 4}),
)

Override = dict[str, dict[str, list[int]]]


@dataclasses.dataclass(frozen=True, slots=True)
class FittingSpace:
    """What a study file says of its space, and what the median of its candidates costs."""

    template: str
    override: Override
    methods: dict[Role, tuple[str, ...]]
    packed_bytes: float
    macs: float


def fitting_space(data: Glimpse, target: str, packed_kb: float | None) -> FittingSpace:
    """The widest of the template's spaces in which enough candidates keep the limit.

    ConfigError where there is none.
    """
    from bitwright.measure.survey import survey

    template = "tiny" if is_small(data) else "compact"
    methods = {role: _run_by(target, role) for role in METHODS}
    limit = math.inf if packed_kb is None else 1000 * packed_kb
    smallest = math.inf
    for factor in NARROWER:
        override = _override(template, data.smaller_side, factor)
        space = JointSpace(
            stages_of(SpaceConfig(template=template, override=override)),
            MethodSpace(
                _parsed(methods["weight"], "weight"), _parsed(methods["activation"], "activation")
            ),
            input_shape=data.shape,
            classes=data.classes,
        )
        found = survey(space, SAMPLED, generator(0, 0, "survey"))
        sizes = [candidate.costs["packed_bytes"] for candidate in found]
        macs = statistics.median(candidate.costs["macs"] for candidate in found)
        if sum(size <= limit for size in sizes) >= FITTING * SAMPLED:
            return FittingSpace(template, override, methods, statistics.median(sizes), macs)
        smallest = min(smallest, *sizes)
    raise ConfigError(
        f"hardly any network for these images and {data.classes} classes packs into "
        f"{packed_kb:g} kB (the smallest of some random ones takes "
        f"{smallest / 1000:.1f} kB); allow more"
    )


def _run_by(target: str, role: Role) -> tuple[str, ...]:
    """The usual methods, without those that the processor refuses; ConfigError if none is left."""
    processor = make(target)
    reasons = {text: processor.supports(Method.parse(text, role), role) for text in METHODS[role]}
    left = tuple(text for text, reason in reasons.items() if reason is None)
    if not left:
        told = "; ".join(f"{text}: {reason}" for text, reason in reasons.items())
        raise ConfigError(f"target '{target}' runs none of the usual {role} methods: {told}")
    return left


def _parsed(texts: tuple[str, ...], role: Role) -> tuple[Method, ...]:
    return tuple(Method.parse(text, role) for text in texts)


def _override(template: str, side: int, factor: float) -> Override:
    """The keys of the template's stages that change for images of this size and these widths."""
    override: Override = {}
    if factor != 1:
        for stage in TEMPLATES.get(template):
            narrow = sorted({max(4, round(width * factor)) for width in stage["width"]})
            override[str(stage["name"])] = {"width": narrow}
    if template == "compact":
        strides = next((found for least, found in STRIDES if side >= least), {})
        for stage_name, stride in strides.items():
            override.setdefault(stage_name, {})["stride"] = [stride]
    return override
