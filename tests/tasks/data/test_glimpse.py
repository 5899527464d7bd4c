"""A first look at data: right, and without loading what is known."""

import numpy as np
import pytest

from bitwright.errors import DataError
from bitwright.tasks.data import glimpse as module
from bitwright.tasks.data.cache import cache_folder
from bitwright.tasks.data.glimpse import Glimpse, glimpse
from bitwright.tasks.data.load import load
from bitwright.tasks.data.registry import sources


def npz(path, images, labels):
    np.savez(path, images=np.asarray(images, np.uint8), labels=labels)
    return str(path)


@pytest.mark.parametrize("name", [source.name for source in sources()])
def test_what_is_declared_is_what_is_there(name):
    source = next(source for source in sources() if source.name == name)
    if not source.stored(cache_folder()).is_file():
        pytest.skip(f"'{name}' is not in the cache")
    data = load(name)
    seen = glimpse(name)
    assert seen.shape == data.train.images.shape[1:]
    assert (seen.classes, seen.training_images) == (len(data.classes), len(data.train))


def test_a_known_set_is_not_loaded(monkeypatch):
    monkeypatch.setattr(module, "load", lambda spec: pytest.fail(f"{spec} was loaded"))
    assert glimpse("cifar10") == Glimpse("cifar10", (3, 32, 32), 10, 50_000)


def test_ones_own_images_are_looked_at(tmp_path):
    rng = np.random.default_rng(0)
    path = npz(tmp_path / "x.npz", rng.integers(0, 255, (40, 12, 20, 3)), np.arange(40) % 4)
    seen = glimpse(path)
    assert seen == Glimpse(path, (3, 12, 20), 4, 32)
    assert seen.smaller_side == 12
    assert str(seen) == "32 training images of 20x12 colour pixels, 4 classes"


def test_words_for_channels():
    assert "8x8 grey pixels" in str(Glimpse("x", (1, 8, 8), 2, 9))
    assert "8x8 4-channel pixels" in str(Glimpse("x", (4, 8, 8), 2, 9))


def test_data_without_anything_to_hold_out_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (2, 4, 4)), np.arange(2)
    path = tmp_path / "x.npz"
    np.savez(
        path,
        train_images=images.astype(np.uint8),
        train_labels=labels,
        test_images=images.astype(np.uint8),
        test_labels=labels,
    )
    with pytest.raises(DataError, match="no image is left to hold out; add images"):
        glimpse(str(path))
