"""What a task is: its data in three parts, how networks learn it, and how they are judged."""

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from bitwright.config import AugmentConfig, DataConfig, StudyConfig, TrainConfig
from bitwright.graph import Shape
from bitwright.quant.spec import Method
from bitwright.records import Blueprint
from bitwright.registry import Registry, subclass_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bitwright.train.batches import Batches
    from bitwright.train.distill import Imitation
    from bitwright.train.shop import Part

Outputs = npt.NDArray[np.floating[Any]]
Targets = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Inputs uint8 (N, *shape), codes on the task's input grid, and a target (N, ...) for each."""

    inputs: npt.NDArray[np.uint8]
    targets: Targets

    def __len__(self) -> int:
        return len(self.targets)


@dataclasses.dataclass(frozen=True, slots=True)
class InputGrid:
    """What networks are given: codes of one shape; real value = (code - zero_point) * step."""

    shape: Shape
    step: float
    zero_point: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """A study's data: networks train on `train`, candidates are judged on `held`.

    `test` is touched once, when the winner is known. `outputs` is how many numbers a network gives
    for each input. `digest` is the data's fingerprint, which exported models carry; `origin` says
    where the data came from.
    """

    name: str
    origin: str
    digest: str
    input: InputGrid
    outputs: int
    train: Samples
    held: Samples
    test: Samples


class Task(abc.ABC):
    """What networks are trained for.

    A task is made from a study's settings, in every process that works on the study: the same
    settings and seed give the same data. It never changes afterwards, and pickles. Making it loads
    no torch, since `bitwright space` asks for shapes alone: the methods that compute import it.
    """

    samples_are: ClassVar[str] = "samples"  # the word for inputs in records: "images"
    data: TaskData
    augment: AugmentConfig = AugmentConfig()  # how training inputs are changed: as images, or not

    @classmethod
    @abc.abstractmethod
    def make(cls, settings: DataConfig, *, seed: int) -> Self:
        """The task on the data that a study names; DataError where it cannot be learned from."""

    @abc.abstractmethod
    def loss(self, outputs: "Tensor", targets: "Tensor", budget: TrainConfig) -> "Tensor":
        """The mean loss of a batch as a scalar; `outputs` float32 (N, outputs)."""

    @abc.abstractmethod
    def answers(self, outputs: Outputs) -> npt.NDArray[Any]:
        """What outputs (N, outputs) come to, one answer an input: what a network's user acts on.

        The proof counts how many answers of the exported file differ from the trained network's.
        """

    @abc.abstractmethod
    def score(self, outputs: Outputs, targets: Targets) -> float:
        """How right outputs (N, outputs) are, 0 to 1: the metric recorded as "accuracy"."""

    def imitation(self) -> "Imitation | None":
        """How networks learn to answer as a teacher does; None where the task has no way."""
        return None

    def views(self, inputs: "Tensor") -> "tuple[Tensor, ...]":
        """The inputs in every way that batches show them (`Batch.views`): as they are, mirrored.

        A teacher is asked about each. Shifts are no views: there are too many of them.
        """
        return (inputs, inputs.flip(3)) if self.augment.flip else (inputs,)

    def batches(
        self,
        part: "Part",
        size: int,
        generator: "torch.Generator",
        *,
        rows: "Tensor | None" = None,
        augment: bool = True,
    ) -> "Batches":
        """Training batches of that size, from all of the part or its `rows` alone.

        Inputs are changed at random unless `augment` is False.
        """
        from bitwright.train.batches import Batches

        return Batches(
            part.inputs,
            part.targets,
            rows=rows,
            batch=size,
            augment=self.augment if augment else AugmentConfig(),
            fill=self.data.input.zero_point,
            generator=generator,
        )

    def metadata(self) -> dict[str, str]:
        """What exported files say of the task, besides the data's name and fingerprint."""
        return {}

    def baseline(self, weight: Method, activation: Method) -> Blueprint | None:
        """The network one would build by hand, to compare the winner with; None for none."""
        return None


def make(config: StudyConfig) -> Task:
    """The study's task on its data."""
    return TASKS.get(config.task).make(config.data, seed=config.search.seed)


TASKS: Registry[type[Task]] = Registry("task", group="bitwright.tasks", form=subclass_of(Task))
TASKS.register("image_classification", "bitwright.tasks.image_classification:ImageClassification")
