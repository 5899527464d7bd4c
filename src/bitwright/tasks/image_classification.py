"""Image classification: labelled images in three parts, cross-entropy, the share that is right."""

import json
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from bitwright.config import DataConfig, TrainConfig
from bitwright.errors import DataError
from bitwright.export.runtime import CLASSES_KEY
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.seeds import derive
from bitwright.space.baseline import baseline
from bitwright.tasks.base import InputGrid, Outputs, Samples, Targets, Task, TaskData
from bitwright.tasks.data.holdout import holdout
from bitwright.tasks.data.images import ImageData, ImageSplit
from bitwright.tasks.data.load import load

if TYPE_CHECKING:
    from torch import Tensor

    from bitwright.train.distill import Imitation


class ImageClassification(Task):
    """One class for each image; every class gives its share of the held-out part."""

    samples_are = "images"

    def __init__(self, images: ImageData, settings: DataConfig, *, seed: int) -> None:
        kept, held = holdout(images.train, settings.holdout, derive(seed, 0, "holdout"))
        if not len(held):
            raise DataError(
                f"data set '{images.name}' ({images.origin}): with one training image of each "
                "class no image is left to hold out; add images, data.holdout needs two of some "
                "class"
            )
        self.classes = images.classes
        self.augment = settings.augment
        self.data = TaskData(
            name=images.name,
            origin=images.origin,
            digest=images.digest,
            input=InputGrid(tuple(images.train.images.shape[1:]), images.scale, images.zero_point),
            outputs=len(images.classes),
            train=_samples(kept),
            held=_samples(held),
            test=_samples(images.test),
        )

    @classmethod
    def make(cls, settings: DataConfig, *, seed: int) -> Self:
        """The task on a named data set, a folder, an .npz file or a function's images."""
        return cls(load(settings.name), settings, seed=seed)

    def loss(self, outputs: "Tensor", targets: "Tensor", budget: TrainConfig) -> "Tensor":
        """The cross-entropy, with the budget's label smoothing."""
        from bitwright.train.objective import cross_entropy

        return cross_entropy(outputs, targets, budget)

    def imitation(self) -> "Imitation":
        """By softened predictions (arXiv 1503.02531)."""
        from bitwright.train.distill import soft_cross_entropy

        return soft_cross_entropy

    def answers(self, outputs: Outputs) -> npt.NDArray[Any]:
        """The class (N,) of each image."""
        return np.asarray(outputs.argmax(1))

    def score(self, outputs: Outputs, targets: Targets) -> float:
        """The share of images classified rightly."""
        return float((self.answers(outputs) == targets).mean())

    def metadata(self) -> dict[str, str]:
        """The names of the classes."""
        return {CLASSES_KEY: json.dumps(list(self.classes))}

    def baseline(self, weight: Method, activation: Method) -> Blueprint:
        """A small depthwise-separable network of one width."""
        return baseline(self.data.input.shape, self.data.outputs, weight, activation)


def _samples(split: ImageSplit) -> Samples:
    return Samples(split.images, split.labels)
