"""Every transform by name, with what the search must know of it; its class is loaded when used.

Study files, spaces and controllers ask only for names and traits, so this file does not load torch.
"""

import dataclasses
from typing import TYPE_CHECKING, Literal

from bitwright.quant.spec import Method, Role
from bitwright.registry import Registry, subclass_of

if TYPE_CHECKING:
    from bitwright.quant.transforms.base import Transform

ONE_TO_EIGHT = (1, 2, 3, 4, 5, 6, 7, 8)
TWO_TO_EIGHT = ONE_TO_EIGHT[1:]


@dataclasses.dataclass(frozen=True, slots=True)
class Traits:
    """What is asked of a transform before its class is loaded.

    `weights` and `activations` are its bit widths in each role, none where it has no part in it.
    `levels`: every code of a range, or uneven ones, the same for all tensors or learned for each.
    `zero_points`: whether weights have zero points of their own. `advice` says what to take where
    the transform does not serve.
    """

    weights: tuple[int, ...] = ONE_TO_EIGHT
    activations: tuple[int, ...] = ONE_TO_EIGHT
    levels: Literal["even", "uneven", "learned"] = "even"
    zero_points: bool = False
    advice: str = ""

    def bits(self, role: Role) -> tuple[int, ...]:
        """The widths in that role."""
        return self.weights if role == "weight" else self.activations


TRANSFORMS: "Registry[type[Transform]]" = Registry(
    "transform",
    group="bitwright.transforms",
    form=subclass_of("bitwright.quant.transforms.base:Transform"),
)
_TRAITS: dict[str, Traits] = {}
for _name, _class, _traits in (
    ("affine", "affine:Affine", Traits(zero_points=True)),
    (
        "apot",
        "apot:Apot",
        Traits(
            weights=TWO_TO_EIGHT,
            activations=TWO_TO_EIGHT,
            levels="uneven",
            advice="one bit has no room for a sum: take 'binary:1' for weights, 'lsq:1' otherwise",
        ),
    ),
    (
        "binary",
        "binary:Binary",
        Traits(
            weights=(1,),
            activations=(),
            advice="take 'ternary:2' or 'lsq' for wider weights, 'lsq:1' for 1-bit activations",
        ),
    ),
    (
        "codebook",
        "codebook:Codebook",
        Traits(
            activations=(),
            levels="learned",
            advice="its levels follow a stored tensor: take 'apot' or 'lsq' for activations",
        ),
    ),
    (
        "dorefa",
        "dorefa:Dorefa",
        Traits(
            weights=TWO_TO_EIGHT,
            advice="of 1 bit, DoReFa's weights are those of XNOR-Net: take 'binary:1'",
        ),
    ),
    (
        "logarithmic",
        "logarithmic:Logarithmic",
        Traits(
            weights=TWO_TO_EIGHT,
            activations=TWO_TO_EIGHT,
            levels="uneven",
            advice="one bit has no exponent: take 'binary:1' for weights, 'lsq:1' otherwise",
        ),
    ),
    ("lsq", "lsq:Lsq", Traits()),
    (
        "pact",
        "pact:Pact",
        Traits(weights=(), advice="its paper quantizes weights as 'dorefa' does: take that"),
    ),
    ("power_of_two", "power_of_two:PowerOfTwo", Traits()),
    (
        "ternary",
        "ternary:Ternary",
        Traits(
            weights=(2,),
            activations=(),
            advice="three levels take 2 bits: write 'ternary:2'; take 'lsq:2' for activations",
        ),
    ),
    ("uniform", "uniform:Uniform", Traits()),
):
    TRANSFORMS.register(_name, f"bitwright.quant.transforms.{_class}")
    _TRAITS[_name] = _traits


def traits_of(name: str) -> Traits:
    """The traits of a transform; one that is not built in states them in its class."""
    return _TRAITS[name] if name in _TRAITS else TRANSFORMS.get(name).traits


def refusal(method: Method, role: Role) -> str | None:
    """Why the method's transform has no such width in that role, and what to take; else None."""
    if not method.quantized:
        return None
    traits = traits_of(method.transform)
    widths = traits.bits(role)
    if method.bits in widths:
        return None
    if not widths:
        return f"transform '{method.transform}' is not for {role}s; {traits.advice}"
    span = str(widths[0]) if len(widths) == 1 else f"{widths[0]} to {widths[-1]}"
    return (
        f"{method.bits} bit{'s' * (method.bits > 1)}; transform '{method.transform}' takes {span} "
        f"for {role}s; {traits.advice}"
    )
