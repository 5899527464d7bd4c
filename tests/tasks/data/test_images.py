import hashlib

import numpy as np
import pytest

from bitwright.errors import DataError
from bitwright.tasks.data.images import ImageSplit, fingerprint, make_data


def split(images, labels):
    return ImageSplit(np.asarray(images, np.uint8), np.asarray(labels, np.int64))


def test_scale_and_zero_point_standardise_the_training_codes(sample):
    train, test = sample
    data = make_data("sample", train, test, classes=tuple("0123456789"), origin="here")
    real = (train.images.astype(np.float64) - data.zero_point) * data.scale
    assert real.std() == pytest.approx(1)
    assert abs(real.mean()) <= data.scale / 2  # the zero point is a whole code
    assert 0 <= data.zero_point <= 255


def test_digest_is_the_hash_of_training_images_and_labels(sample):
    train, test = sample
    expected = hashlib.sha256(train.images.tobytes() + train.labels.tobytes()).hexdigest()
    data = make_data("sample", train, test, classes=tuple("0123456789"), origin="here")
    assert data.digest == expected == fingerprint(train)
    changed = ImageSplit(train.images, train.labels[::-1])
    assert fingerprint(changed) != expected


PIXELS = np.arange(16).reshape(4, 1, 2, 2)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (split(PIXELS, [1, 1, 1, 1]), split(PIXELS, [0, 1, 0, 1]), "of one class, 'b'"),
        (split(PIXELS, [0, 1, 0, 2]), split(PIXELS, [0, 1, 0, 1]), "image 3 has label 2"),
        (split(PIXELS, [0, 1, 0, 1]), split(PIXELS, [0, -1, 0, 1]), "test image 1 has label -1"),
        (split(PIXELS * 0 + 7, [0, 1, 0, 1]), split(PIXELS, [0, 1, 0, 1]), "has the value 7"),
        (split(PIXELS, [0, 1, 0, 1]), split(PIXELS[:0], []), "there are no test images"),
        (split(PIXELS, [0, 1, 0, 1]), split(PIXELS.reshape(4, 1, 1, 4), [0, 1, 0, 1]), "one size"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(train, test, message):
    with pytest.raises(DataError, match=message) as caught:
        make_data("mine", train, test, classes=("a", "b"), origin="mine.npz")
    assert "'mine' (mine.npz)" in str(caught.value)
    assert "\n" not in str(caught.value)
