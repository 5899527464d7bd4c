"""Learning from a teacher (M7.2): its logits (arXiv 1503.02531), its features (arXiv 1907.09682).

A teacher is asked about every training image once, before anything learns from it. A training step
then only looks its answers up, so distillation costs next to nothing a step, whatever the teacher.
"""

import dataclasses
from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from bitwright.train.batches import Batch

Imitation = Callable[[Tensor, Tensor, float], Tensor]  # of outputs, taught ones and temperature


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """What a teacher says of every training image in every view of it (`Batch.views`).

    `logits` (views, images, classes) and `features` (views, images, width), float32; `features` is
    None where nobody learns from them.
    """

    logits: Tensor
    features: Tensor | None = None

    def of(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Logits (N, classes) and features (N, width) of a batch's images, shifts left aside."""
        features = None if self.features is None else self.features[batch.views, batch.rows]
        return self.logits[batch.views, batch.rows], features


@dataclasses.dataclass(frozen=True, slots=True)
class Lesson:
    """A teacher's answers and how much they count in the loss.

    The loss is (1 - weight) x the task's own + weight x `imitate` of the logits + features x
    `similarity_loss` of the features. `key` names all that the lesson depends on: a training run
    under another lesson is another run.
    """

    answers: Answers
    imitate: Imitation
    weight: float
    temperature: float
    features: float
    key: str

    def loss(self, own: Tensor, logits: Tensor, features: Tensor, batch: Batch) -> Tensor:
        """The loss to learn from, given the task's own and what the network says of the batch."""
        taught, seen = self.answers.of(batch)
        total = (1 - self.weight) * own
        if self.weight:
            total = total + self.weight * self.imitate(logits, taught, self.temperature)
        if seen is not None and self.features:
            total = total + self.features * similarity_loss(features, seen)
        return total


def soft_cross_entropy(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """The divergence of the softened predictions from the teacher's, the batch's mean.

    Times the temperature's square, so that its gradient keeps its size whatever the temperature
    (arXiv 1503.02531). Zero where both agree.
    """
    found = functional.log_softmax(logits / temperature, 1)
    wanted = functional.log_softmax(taught / temperature, 1)
    divergence = functional.kl_div(found, wanted, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def similarity_loss(features: Tensor, taught: Tensor) -> Tensor:
    """How differently two networks find the same images alike (arXiv 1907.09682); 0 to 4.

    Each network's images are compared with each other, so the two may have any widths. The paper
    divides by the batch twice; once gives the mean over the images, which keeps its size whatever
    the batch. It compares whole maps; here it is what the classifier sees, which can be kept.
    """
    return (similarities(features) - similarities(taught)).square().sum(1).mean()


def similarities(features: Tensor) -> Tensor:
    """For each image (N, N) its likeness to the others, a vector of length 1."""
    flat = features.float().flatten(1)
    return functional.normalize(flat @ flat.T, dim=1)
