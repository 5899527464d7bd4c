"""Any ONNX model as a teacher: one image input, logits or probabilities out."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bitwright.errors import ConfigError, TargetError
from bitwright.export.image_model import Floats, ImageModel
from bitwright.train.teacher import Teacher

SMALLEST = 1e-12  # probability whose logarithm is still a number


class OnnxTeacher(Teacher):
    """A model in a file, given images as `ImageModel` says; ConfigError where it cannot take them.

    `mean` and `deviation` are the study's `distill.mean` and `distill.deviation`.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        *,
        mean: tuple[float, ...] | None,
        deviation: tuple[float, ...] | None,
        threads: int,
    ) -> None:
        try:
            self._model = ImageModel(path, shape, mean=mean, deviation=deviation, threads=threads)
        except TargetError as error:
            raise _cannot_teach(error) from error
        self.shape = shape
        self.classes = self._model.classes

    def ask(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits; features lie inside of the model, where nobody can ask for them."""
        try:
            found = self._model.logits(images.cpu().numpy())
        except TargetError as error:
            raise _cannot_teach(error) from error
        return torch.from_numpy(_as_logits(found)), None


def _cannot_teach(error: TargetError) -> ConfigError:
    return ConfigError(f"distill.teacher: {error}")


def _as_logits(found: Floats) -> Floats:
    """Logits; of probabilities their logarithms, which give the same predictions when softened."""
    if (found >= 0).all() and np.allclose(found.sum(1), 1, atol=1e-3):
        return np.log(np.maximum(found, SMALLEST))
    return found
