"""Batches: every image once a pass, and pixels that move without changing."""

import itertools

import pytest
import torch
from torch import Tensor

from bitwright.config import AugmentConfig
from bitwright.train.batches import Batches

FILL = 7


def batches(
    images: Tensor, *, batch: int = 4, flip: bool = False, shift: int = 0, seed: int = 0
) -> Batches:
    return Batches(
        images,
        torch.arange(len(images)),
        batch=batch,
        augment=AugmentConfig(flip=flip, shift=shift),
        fill=FILL,
        generator=torch.Generator().manual_seed(seed),
    )


def pictures(count: int, channels: int = 2, height: int = 4, width: int = 5) -> Tensor:
    """Images whose pixels all differ, none of them the fill."""
    return (torch.randperm(count * channels * height * width) + 10).reshape(
        count, channels, height, width
    )


@pytest.mark.parametrize(
    ("count", "batch", "per_epoch"), [(12, 4, 3), (13, 4, 3), (3, 4, 1), (4, 4, 1)]
)
def test_a_pass_takes_every_image_at_most_once(count: int, batch: int, per_epoch: int) -> None:
    source = batches(pictures(count), batch=batch)
    assert source.per_epoch == per_epoch
    for number in range(3):
        seen = [
            int(label)
            for found in itertools.islice(iter(source), per_epoch)
            for label in found.targets
        ]
        assert len(set(seen)) == len(seen) == per_epoch * min(batch, count), number
        if count % batch == 0:
            assert sorted(seen) == list(range(count))


def test_labels_stay_with_their_images_and_order_changes_with_the_pass() -> None:
    images = pictures(8)
    orders = []
    for found in itertools.islice(iter(batches(images, batch=8)), 3):
        assert found.inputs.dtype == torch.float32
        assert torch.equal(found.inputs, images[found.targets].float())
        orders.append(found.targets.tolist())
    assert orders[0] != orders[1] != orders[2]


def test_one_seed_gives_one_sequence() -> None:
    def first(seed: int) -> Tensor:
        return next(iter(batches(pictures_once, flip=True, shift=2, seed=seed))).inputs

    pictures_once = pictures(40)
    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_a_flip_mirrors_left_and_right_or_nothing() -> None:
    images = pictures(64)
    found = next(iter(batches(images, batch=64, flip=True)))
    kinds = [0, 0]
    for code, label, view in zip(found.inputs, found.targets, found.views, strict=True):
        original = images[label].float()
        mirrored = bool(torch.equal(code, original.flip(-1)))
        assert mirrored or torch.equal(code, original)
        assert view == mirrored
        kinds[mirrored] += 1
    assert min(kinds) > 15


def test_a_shift_moves_whole_images_and_fills_with_real_zero() -> None:
    images = pictures(200)
    found = next(iter(batches(images, batch=200, shift=2)))
    offsets = set()
    for code, label in zip(found.inputs, found.targets, strict=True):
        offsets.add(offset_of(code, images[label].float(), reach=2))
    assert offsets == set(itertools.product(range(-2, 3), repeat=2))


def offset_of(code: Tensor, original: Tensor, reach: int) -> tuple[int, int]:
    """The shift that makes `original` into `code`, all else being fill; fails if there is none."""
    _, height, width = original.shape
    for down, right in itertools.product(range(-reach, reach + 1), repeat=2):
        moved = torch.full_like(original, FILL)
        rows = slice(max(0, down), min(height, height + down))
        columns = slice(max(0, right), min(width, width + right))
        back_rows = slice(max(0, -down), min(height, height - down))
        back_columns = slice(max(0, -right), min(width, width - right))
        moved[:, rows, columns] = original[:, back_rows, back_columns]
        if torch.equal(moved, code):
            return down, right
    pytest.fail("the image was not only moved")


def test_a_batch_says_which_images_it_holds() -> None:
    images = pictures(60)
    some = torch.tensor([3, 59, 20, 21])
    source = Batches(
        images,
        torch.arange(60),
        rows=some,
        batch=2,
        augment=AugmentConfig(),
        fill=FILL,
        generator=torch.Generator().manual_seed(0),
    )
    assert source.per_epoch == 2
    seen = []
    for found in itertools.islice(iter(source), 2):
        assert torch.equal(found.inputs, images[found.rows].float())
        assert torch.equal(found.rows, found.targets)
        assert found.views.tolist() == [0, 0]
        seen += found.rows.tolist()
    assert sorted(seen) == sorted(some.tolist())


def test_without_augmentation_nothing_is_drawn_but_the_order() -> None:
    source = batches(pictures(8), batch=4)
    stream = iter(source)
    next(stream)
    state = source.generator.get_state()
    next(stream)
    assert torch.equal(state, source.generator.get_state())
