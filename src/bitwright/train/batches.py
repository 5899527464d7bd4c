"""Training batches from data in memory: shuffled, mirrored and shifted a whole batch at a time."""

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from bitwright.config import AugmentConfig


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Inputs as codes, float32 (N, *shape), and a target (N, ...) for each, ready to train on.

    `rows` (N,) are their places in the training set, `views` (N,) say how each is seen: 0 as it is,
    1 mirrored. What a teacher said of an input before is found by the two.
    """

    inputs: Tensor
    targets: Tensor
    rows: Tensor
    views: Tensor


class Batches:
    """Endless shuffled batches of a training set, or of its `rows` alone.

    What does not fill a batch at the end of a pass is left out: all batches have the same size, so
    that batch statistics mean the same thing. `fill` is the code that a shift brings in: real 0.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        rows: Tensor | None = None,
        batch: int,
        augment: AugmentConfig,
        fill: int,
        generator: torch.Generator,
    ) -> None:
        self.images = images
        self.labels = labels
        self.rows = torch.arange(len(images)) if rows is None else rows
        self.batch = min(batch, len(self.rows))
        self.augment = augment
        self.fill = fill
        self.generator = generator

    @property
    def per_epoch(self) -> int:
        """Batches in one pass."""
        return max(1, len(self.rows) // self.batch)

    def __iter__(self) -> Iterator[Batch]:
        """Batches without end; stop when you have had enough."""
        while True:
            order = torch.randperm(len(self.rows), generator=self.generator)
            for number in range(self.per_epoch):
                picked = order[number * self.batch : (number + 1) * self.batch]
                yield self._batch(self.rows[picked])

    def _batch(self, rows: Tensor) -> Batch:
        """The images of `rows`, augmented; what no setting asks for draws no number."""
        mirrored = torch.zeros(len(rows), dtype=torch.bool)
        if self.augment.flip:
            mirrored = torch.rand(len(rows), generator=self.generator) < 0.5
        rows, mirrored = rows.to(self.images.device), mirrored.to(self.images.device)
        images = self.images[rows].float()
        if self.augment.flip:
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        if self.augment.shift:
            images = self._shifted(images, self.augment.shift)
        return Batch(images, self.labels[rows], rows, mirrored.long())

    def _shifted(self, images: Tensor, reach: int) -> Tensor:
        """Each image moved by up to `reach` pixels both ways."""
        count, _, height, width = images.shape
        padded = torch.nn.functional.pad(images, (reach,) * 4, value=float(self.fill))
        start = torch.randint(0, 2 * reach + 1, (2, count), generator=self.generator)
        rows, columns = start.to(images.device)
        # Windows are views: copying one is six times as fast as picking its pixels one by one.
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, rows, columns, H, W)
        return windows[torch.arange(count, device=images.device), :, rows, columns]
