"""Maps between NumPy, channels first, and the exported C, channels last."""

import numpy as np
import numpy.typing as npt

from bitwright.export.integer import Array


def channels_last(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Images (..., C, H, W) as the C reads them: (..., H, W, C), contiguous."""
    return np.ascontiguousarray(np.moveaxis(images, -3, -1))


def channels_first(data: npt.NDArray[np.uint8], shape: tuple[int, ...], *, raw: bool) -> Array:
    """Outputs of a layer of that shape, (N, bytes) as they lie in memory, as (N, *shape).

    Codes are uint8; `raw` logits become int64.
    """
    if raw:
        return np.ascontiguousarray(data).view(np.int32).astype(np.int64)
    if len(shape) == 1:
        return data
    return np.moveaxis(data.reshape(len(data), *shape[1:], shape[0]), -1, 1)
