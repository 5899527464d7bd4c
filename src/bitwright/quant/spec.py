"""A quantization method as a small value: a bit width and the transform that maps reals to it.

Nothing here imports torch: the controllers, the space and the study files speak of methods by name.
"""

import dataclasses
import functools
import re
from typing import Literal

from bitwright.errors import ConfigError

Role = Literal["weight", "activation"]
ROLES: tuple[Role, Role] = ("weight", "activation")
FULL_PRECISION = "none"
_NAME, _PATH = r"[a-z][a-z0-9_]*", r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"
_TEXT = re.compile(
    rf"(?P<transform>{_NAME}|{_PATH}):(?P<bits>\d+)(:(?P<grain>tensor|channel))?", re.ASCII
)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Method:
    """A bit width and the mathematical transform that maps real numbers to it (M3.1).

    Its text form, used in study files and genomes, is ``transform:bits:tensor|channel``; the
    transform is a registered name, or the import path of one's own.

    >>> Method.parse("lsq:4:channel")
    Method(transform='lsq', bits=4, per_channel=True)
    >>> str(Method("power_of_two", 8, per_channel=False))
    'power_of_two:8:tensor'
    >>> Method.parse("mine.transforms:Quantile:4").transform
    'mine.transforms:Quantile'
    """

    transform: str
    bits: int
    per_channel: bool

    def __post_init__(self) -> None:
        allowed = (16, 32) if self.transform == FULL_PRECISION else range(1, 9)
        if self.bits not in allowed:
            raise ConfigError(
                f"method '{self}': {self.bits} bits; transform '{self.transform}' takes "
                f"{'16 or 32' if self.transform == FULL_PRECISION else '1 to 8'}"
            )

    def __str__(self) -> str:
        return f"{self.transform}:{self.bits}:{'channel' if self.per_channel else 'tensor'}"

    @property
    def quantized(self) -> bool:
        """False for the full-precision reference."""
        return self.transform != FULL_PRECISION

    @classmethod
    def parse(cls, text: str, role: Role = "weight") -> "Method":
        """The method that `text` names; the grain defaults to weights' channels, one otherwise."""
        return _parsed(text, role)


@functools.lru_cache(maxsize=4096)  # a stored study of 1,000 trials names 15,000 methods
def _parsed(text: str, role: Role) -> Method:
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"'{text}' is no quantization method; write transform:bits or "
            "transform:bits:tensor|channel, for example 'lsq:4' or 'affine:8:tensor'"
        )
    grain = match["grain"] or ("channel" if role == "weight" else "tensor")
    return Method(match["transform"], int(match["bits"]), grain == "channel")


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Site:
    """A place that a policy assigns a method to: a unit's weights or its activations (M3.2)."""

    unit: str
    role: Role

    def __str__(self) -> str:
        return f"{self.unit}.{self.role}"
