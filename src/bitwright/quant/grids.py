"""Which codes a method has: the one place where bit widths become ranges."""

import dataclasses

from bitwright.quant.spec import Method, Role


@dataclasses.dataclass(frozen=True, slots=True)
class CodeRange:
    """The codes of a site, inclusive, and the zero point of a range that is not learned.

    Weights are signed int8 codes, activations unsigned uint8 codes. An activation that cannot be
    negative has zero point 0; a signed one has its zero point in the middle.
    """

    low: int
    high: int
    zero_point: int
    binary: bool = False


def code_range(method: Method, role: Role, *, signed: bool) -> CodeRange:
    """The codes that a method has at a site.

    >>> from bitwright.quant.spec import Method
    >>> code_range(Method.parse("lsq:4"), "weight", signed=True)
    CodeRange(low=-8, high=7, zero_point=0, binary=False)
    >>> code_range(Method.parse("uniform:4"), "weight", signed=True)
    CodeRange(low=-7, high=7, zero_point=0, binary=False)
    >>> code_range(Method.parse("lsq:4:tensor"), "activation", signed=True)
    CodeRange(low=0, high=15, zero_point=8, binary=False)
    """
    levels = 2**method.bits
    if role == "activation":
        return CodeRange(0, levels - 1, levels // 2 if signed else 0)
    if method.transform == "affine":
        return CodeRange(-levels // 2, levels // 2 - 1, 0)
    if method.bits == 1:
        return CodeRange(-1, 1, 0, binary=True)
    if method.transform == "uniform":  # the symmetric range leaves the lowest code out
        return CodeRange(1 - levels // 2, levels // 2 - 1, 0)
    return CodeRange(-levels // 2, levels // 2 - 1, 0)
