"""Every transform, one file and one paper each."""

from bitwright.quant.names import TRANSFORMS
from bitwright.quant.spec import Method
from bitwright.quant.transforms.base import Place, Quantizer, Transform


def transform_of(method: Method) -> Transform:
    """The transform a method names; ConfigError with the nearest name if there is none."""
    return TRANSFORMS.get(method.transform)()


__all__ = ["TRANSFORMS", "Place", "Quantizer", "Transform", "transform_of"]
