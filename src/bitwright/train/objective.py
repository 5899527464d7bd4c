"""What a network is trained for: its task's loss, and what a teacher adds to it."""

import dataclasses
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from bitwright.config import TrainConfig
from bitwright.train.batches import Batch
from bitwright.train.distill import Lesson

Loss = Callable[[Tensor, Tensor, TrainConfig], Tensor]  # of outputs and targets under a budget


def cross_entropy(outputs: Tensor, labels: Tensor, config: TrainConfig) -> Tensor:
    """The mean over a batch of outputs (N, classes) and labels (N,)."""
    return functional.cross_entropy(outputs, labels, label_smoothing=config.label_smoothing)


@dataclasses.dataclass(frozen=True, slots=True)
class Objective:
    """A task's own loss, and the lesson that its networks learn besides."""

    own: Loss = cross_entropy
    lesson: Lesson | None = None

    def loss(self, outputs: Tensor, features: Tensor, batch: Batch, config: TrainConfig) -> Tensor:
        """The loss of a batch, given what the network says of it (see `QuantNet.features`)."""
        own = self.own(outputs, batch.targets, config)
        if self.lesson is None:
            return own
        return self.lesson.loss(own, outputs, features, batch)
