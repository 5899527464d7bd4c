"""Image classification: a study's data in its three parts, and how a network is judged on them."""

import dataclasses

import torch
from torch import Tensor

from bitwright.config import DataConfig, TrainConfig
from bitwright.errors import DataError
from bitwright.graph import Shape
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint
from bitwright.seeds import derive
from bitwright.space.joint import expand
from bitwright.tasks.data.holdout import holdout
from bitwright.tasks.data.images import ImageData, ImageSplit
from bitwright.train.batches import Batches

JUDGED_AT_ONCE = 500  # images a forward pass when judging


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Images uint8 (N, C, H, W) and labels int64 (N,) on the study's device."""

    images: Tensor
    labels: Tensor

    def first(self, count: int) -> "Part":
        """Its first images, at most `count`."""
        return Part(self.images[:count], self.labels[:count])

    def __len__(self) -> int:
        return len(self.labels)


class ImageTask:
    """One study's task: trains on `train`, judges candidates on `held`, the winner on `test`."""

    def __init__(
        self, data: ImageData, config: DataConfig, *, seed: int, device: torch.device
    ) -> None:
        self.data = data
        self.config = config
        self.device = device
        kept, held = holdout(data.train, config.holdout, derive(seed, 0, "holdout"))
        self.train = self._part(kept)
        self.held = self._part(held)
        if not len(held):
            raise DataError(
                f"data set '{data.name}' ({data.origin}): with one training image of each class "
                "no image is left to hold out; add images, data.holdout needs two of some class"
            )

    @property
    def test(self) -> Part:
        """The test set: touched once, when a study's winner is known."""
        return self._part(self.data.test)

    def _part(self, split: ImageSplit) -> Part:
        images, labels = torch.from_numpy(split.images), torch.from_numpy(split.labels)
        return Part(images.to(self.device), labels.to(self.device))

    @property
    def input_shape(self) -> Shape:
        """(C, H, W) of every image."""
        return tuple(self.data.train.images.shape[1:])

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.data.classes)

    def build(self, blueprint: Blueprint, seed: int) -> QuantNet:
        """The blueprint's network with fresh weights, on the study's device."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = QuantNet(
                expand(blueprint), input_step=self.data.scale, input_zero=self.data.zero_point
            )
        return net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def batches(self, config: TrainConfig, seed: int) -> Batches:
        """Training batches; a random part of the data where the budget names a number of images."""
        generator = torch.Generator().manual_seed(seed)
        part = self.train
        if config.images is not None and config.images < len(part):
            picked = torch.randperm(len(part), generator=generator)[: config.images]
            picked = picked.to(self.device)
            part = Part(part.images[picked], part.labels[picked])
        return Batches(
            part.images,
            part.labels,
            batch=config.batch,
            augment=self.config.augment,
            fill=self.data.zero_point,
            generator=generator,
        )


@torch.no_grad()
def predictions(net: QuantNet, part: Part) -> Tensor:
    """The class (N,) that the network gives each image, in evaluation mode."""
    training = net.training
    net.eval()
    found = [
        net(part.images[at : at + JUDGED_AT_ONCE]).argmax(1)
        for at in range(0, len(part), JUDGED_AT_ONCE)
    ]
    net.train(training)
    return torch.cat(found)


def accuracy(net: QuantNet, part: Part) -> float:
    """The share of images classified rightly, 0 to 1."""
    return float((predictions(net, part) == part.labels).float().mean())
