"""Every transform by name; its class is loaded when it is first used.

Study files, spaces and controllers ask only for the names, so this file does not load torch.
"""

from typing import TYPE_CHECKING

from bitwright.registry import Registry, subclass_of

if TYPE_CHECKING:
    from bitwright.quant.transforms.base import Transform

TRANSFORMS: "Registry[type[Transform]]" = Registry(
    "transform",
    group="bitwright.transforms",
    form=subclass_of("bitwright.quant.transforms.base:Transform"),
)
for _name, _class in (
    ("affine", "affine:Affine"),
    ("lsq", "lsq:Lsq"),
    ("power_of_two", "power_of_two:PowerOfTwo"),
    ("uniform", "uniform:Uniform"),
):
    TRANSFORMS.register(_name, f"bitwright.quant.transforms.{_class}")
