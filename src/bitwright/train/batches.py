"""Training batches from data in memory: shuffled, mirrored and shifted a whole batch at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bitwright.config import AugmentConfig


class Batches:
    """Endless shuffled batches of (codes float32 (N, C, H, W), labels int64 (N,)).

    What does not fill a batch at the end of a pass is left out: all batches have the same size, so
    that batch statistics mean the same thing. `fill` is the code that a shift brings in: real 0.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch: int,
        augment: AugmentConfig,
        fill: int,
        generator: torch.Generator,
    ) -> None:
        self.images = images
        self.labels = labels
        self.batch = min(batch, len(images))
        self.augment = augment
        self.fill = fill
        self.generator = generator

    @property
    def per_epoch(self) -> int:
        """Batches in one pass."""
        return max(1, len(self.images) // self.batch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without end; stop when you have had enough."""
        while True:
            order = torch.randperm(len(self.images), generator=self.generator)
            for number in range(self.per_epoch):
                picked = order[number * self.batch : (number + 1) * self.batch]
                picked = picked.to(self.images.device)
                yield self._augmented(self.images[picked].float()), self.labels[picked]

    def _augmented(self, images: Tensor) -> Tensor:
        if self.augment.flip:
            mirrored = torch.rand(len(images), generator=self.generator) < 0.5
            mirrored = mirrored.to(images.device)[:, None, None, None]
            images = torch.where(mirrored, images.flip(3), images)
        if self.augment.shift:
            images = self._shifted(images, self.augment.shift)
        return images

    def _shifted(self, images: Tensor, reach: int) -> Tensor:
        """Each image moved by up to `reach` pixels both ways."""
        count, channels, height, width = images.shape
        padded = torch.nn.functional.pad(images, (reach,) * 4, value=float(self.fill))
        start = torch.randint(0, 2 * reach + 1, (2, count), generator=self.generator)
        start = start.to(images.device)
        rows = start[0][:, None] + torch.arange(height, device=images.device)
        columns = start[1][:, None] + torch.arange(width, device=images.device)
        picked = torch.arange(count, device=images.device)[:, None, None, None]
        layers = torch.arange(channels, device=images.device)[None, :, None, None]
        return padded[picked, layers, rows[:, None, :, None], columns[:, None, None, :]]
