"""Which codes a method has: the one place where bit widths become ranges and levels."""

import dataclasses
import functools

from bitwright.errors import ConfigError
from bitwright.quant.levels import additive, geometric, mirrored, stretched
from bitwright.quant.names import refusal
from bitwright.quant.spec import Method, Role

LARGEST_WEIGHT, LARGEST_ACTIVATION = 127, 255


@dataclasses.dataclass(frozen=True, slots=True)
class CodeRange:
    """The codes of a site, inclusive, and the zero point of a range that is not learned.

    Weights are signed int8 codes, activations unsigned uint8 codes. An activation that cannot be
    negative has zero point 0; a signed one has its zero point in the middle. `levels` are the codes
    that values take, in order; None where they take every code, or where levels are learned.
    """

    low: int
    high: int
    zero_point: int
    levels: tuple[int, ...] | None = None

    @property
    def odd(self) -> bool:
        """Whether the levels are the odd multiples of the step."""
        return self.levels is not None and self.levels == tuple(range(self.low, self.high + 1, 2))


@functools.cache
def code_range(method: Method, role: Role, *, signed: bool) -> CodeRange:
    """The codes that a method has at a site; ConfigError for a width that it lacks there.

    >>> from bitwright.quant.spec import Method
    >>> code_range(Method.parse("lsq:4"), "weight", signed=True)
    CodeRange(low=-8, high=7, zero_point=0, levels=None)
    >>> code_range(Method.parse("uniform:4"), "weight", signed=True)
    CodeRange(low=-7, high=7, zero_point=0, levels=None)
    >>> code_range(Method.parse("lsq:4:tensor"), "activation", signed=True)
    CodeRange(low=0, high=15, zero_point=8, levels=None)
    >>> code_range(Method.parse("apot:3"), "weight", signed=True)
    CodeRange(low=-124, high=124, zero_point=0, levels=(-124, -62, -31, 0, 31, 62, 124))
    """
    reason = refusal(method, role)
    if reason:
        raise ConfigError(f"method '{method}': {reason}")
    if method.transform in ("apot", "logarithmic"):
        return _uneven(method, role, signed=signed)
    if role == "activation":
        levels = 2**method.bits
        # Of one bit, 0 and 1: with -1 and 0 a sum before a ReLU would have nothing above zero.
        return CodeRange(0, levels - 1, levels // 2 if signed and method.bits > 1 else 0)
    return _weight_codes(method)


def _weight_codes(method: Method) -> CodeRange:
    half = 2**method.bits // 2
    match method.transform:
        case "affine":
            return CodeRange(-half, half - 1, 0)
        case "codebook":
            return CodeRange(-LARGEST_WEIGHT, LARGEST_WEIGHT, 0)
        case "dorefa" if 2 * half - 1 <= LARGEST_WEIGHT:
            return _odd(2 * half - 1)
        case _ if method.bits == 1:
            return _odd(1)
        case "uniform" | "ternary" | "dorefa":  # a symmetric range leaves the lowest code out
            return CodeRange(1 - half, half - 1, 0)
        case _:
            return CodeRange(-half, half - 1, 0)


def _odd(high: int) -> CodeRange:
    """Two apart: none of them is zero."""
    return CodeRange(-high, high, 0, tuple(range(-high, high + 1, 2)))


def _uneven(method: Method, role: Role, *, signed: bool) -> CodeRange:
    """Levels of both signs have one bit less for their magnitude."""
    one_sided = role == "activation" and not signed
    bits = method.bits if one_sided else method.bits - 1
    top = LARGEST_ACTIVATION if one_sided else LARGEST_WEIGHT
    found = additive(bits, top.bit_length()) if method.transform == "apot" else geometric(bits, top)
    levels = stretched(found, top)
    if not one_sided:
        levels = mirrored(levels)
    zero = -levels[0] if role == "activation" else 0
    codes = tuple(level + zero for level in levels)
    whole = len(codes) == codes[-1] - codes[0] + 1
    return CodeRange(codes[0], codes[-1], zero, None if whole else codes)


def gate_method(method: Method) -> Method:
    """The method of a gate's output: its codes lie evenly on 0 to 1, whatever the transform."""
    return dataclasses.replace(method, transform="uniform")
