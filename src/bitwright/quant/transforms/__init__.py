"""Every transform, one file and one paper each."""

from bitwright.quant.spec import Method
from bitwright.quant.transforms.base import Place, Quantizer, Transform
from bitwright.registry import Registry

TRANSFORMS: Registry[type[Transform]] = Registry("transform")
for _name, _class in (
    ("affine", "affine:Affine"),
    ("lsq", "lsq:Lsq"),
    ("power_of_two", "power_of_two:PowerOfTwo"),
    ("uniform", "uniform:Uniform"),
):
    TRANSFORMS.register(_name, f"bitwright.quant.transforms.{_class}")


def transform_of(method: Method) -> Transform:
    """The transform a method names; ConfigError with the nearest name if there is none."""
    return TRANSFORMS.get(method.transform)()


__all__ = ["TRANSFORMS", "Place", "Quantizer", "Transform", "transform_of"]
