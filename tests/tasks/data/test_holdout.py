import numpy as np
import pytest

from bitwright.errors import DataError
from bitwright.tasks.data.holdout import held_rows, holdout
from bitwright.tasks.data.images import ImageSplit
from bitwright.tasks.data.load import load


def test_every_class_gives_its_share_and_nothing_is_lost():
    train = load("digits").train
    kept, held = holdout(train, 0.1, seed=4)
    counts = np.bincount(train.labels)
    assert np.bincount(held.labels).tolist() == [round(0.1 * count) for count in counts]
    together = np.concatenate([kept.images, held.images])
    assert sorted(map(bytes, together)) == sorted(map(bytes, train.images))


def test_the_seed_decides():
    labels = load("digits").train.labels
    assert np.array_equal(held_rows(labels, 0.2, 1), held_rows(labels, 0.2, 1))
    assert not np.array_equal(held_rows(labels, 0.2, 1), held_rows(labels, 0.2, 2))


def test_the_draw_never_changes_between_versions():
    labels = np.arange(20) % 2
    assert np.flatnonzero(held_rows(labels, 0.3, 7)).tolist() == [3, 4, 6, 11, 12, 13]


def test_small_classes_give_one_and_keep_one():
    labels = np.array([0, 0, 1, 2, 2, 2])
    rows = held_rows(labels, 0.9, 0)
    assert np.bincount(labels[rows], minlength=3).tolist() == [1, 0, 2]
    assert np.bincount(labels[held_rows(labels, 0.01, 0)], minlength=3).tolist() == [1, 0, 1]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_must_be_one(fraction):
    split = ImageSplit(np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 1]))
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        holdout(split, fraction, 0)
