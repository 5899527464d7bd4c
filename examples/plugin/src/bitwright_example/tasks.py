"""A task: image classification in which a rare class counts as much as a common one."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from bitwright.config import DataConfig, TrainConfig
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.tasks.base import Outputs, Targets, Task
from bitwright.tasks.image_classification import ImageClassification

if TYPE_CHECKING:
    from torch import Tensor

    from bitwright.train.distill import Imitation


class BalancedImages(Task):
    """The score is the mean over the classes of the share that is right; so is the loss."""

    samples_are = "images"

    def __init__(self, plain: ImageClassification) -> None:
        self._plain = plain
        self.data = plain.data
        self.augment = plain.augment
        counts = np.bincount(self.data.train.targets, minlength=self.data.outputs)
        self._weights = counts.sum() / (len(counts) * np.maximum(counts, 1))

    @classmethod
    def make(cls, settings: DataConfig, *, seed: int) -> Self:
        """The task on the labelled images that the study names."""
        return cls(ImageClassification.make(settings, seed=seed))

    def loss(self, outputs: "Tensor", targets: "Tensor", budget: TrainConfig) -> "Tensor":
        """Cross-entropy, each class weighted by how rare it is."""
        from torch.nn import functional

        return functional.cross_entropy(
            outputs,
            targets,
            weight=outputs.new_tensor(self._weights),
            label_smoothing=budget.label_smoothing,
        )

    def imitation(self) -> "Imitation":
        """As in plain image classification."""
        return self._plain.imitation()

    def answers(self, outputs: Outputs) -> npt.NDArray[Any]:
        """The class of each image."""
        return self._plain.answers(outputs)

    def score(self, outputs: Outputs, targets: Targets) -> float:
        """The mean recall of the classes that there are."""
        right = self.answers(outputs) == targets
        return float(np.mean([right[targets == label].mean() for label in np.unique(targets)]))

    def metadata(self) -> dict[str, str]:
        """The classes' names."""
        return self._plain.metadata()

    def baseline(self, weight: Method, activation: Method) -> Blueprint:
        """The same hand-made network as for plain image classification."""
        return self._plain.baseline(weight, activation)
