from pathlib import Path

import numpy as np
import platformdirs
import pytest

from bitwright.errors import DataError
from bitwright.tasks.data import registry
from bitwright.tasks.data.cache import cache_folder, store
from bitwright.tasks.data.load import load


def test_digits_come_with_the_program():
    data = load("digits")
    assert data.train.images.shape == (1438, 1, 8, 8)
    assert data.test.images.shape == (359, 1, 8, 8)
    assert data.train.images.max() == 16
    assert data.classes == tuple("0123456789")
    assert np.bincount(data.test.labels).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(DataError, match=r"no data set 'fashon-mnist'.*did you mean 'fashion-mnist"):
        load("fashon-mnist")
    with pytest.raises(DataError, match="no data set 'zebra'") as caught:
        load("zebra")
    assert "did you mean" not in str(caught.value)


def test_a_missing_npz_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.npz' cannot be read as .npz"):
        load(str(tmp_path / "gone.npz"))


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("BITWRIGHT_DATA", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.setenv("BITWRIGHT_DATA", "~/there")
    assert cache_folder() == Path.home() / "there"
    monkeypatch.delenv("BITWRIGHT_DATA")
    assert cache_folder() == platformdirs.user_cache_path("bitwright") / "data"


def test_a_named_data_set_can_be_added_once(monkeypatch, sample_source, sample, tmp_path):
    monkeypatch.setattr(registry, "_SOURCES", dict(registry._SOURCES))
    registry.register(sample_source)
    store(sample_source.stored(tmp_path), *sample, "here")
    assert len(load("sample", cache=tmp_path).train) == 200
    with pytest.raises(DataError, match="'sample' is already registered"):
        registry.register(sample_source)


FULL = [
    pytest.param(name, counts, marks=pytest.mark.dataset(name))
    for name, counts in (
        ("fashion-mnist", (60_000, 10_000)),
        ("mnist", (60_000, 10_000)),
        ("cifar10", (50_000, 10_000)),
    )
]


@pytest.mark.parametrize(("name", "counts"), FULL)
def test_full_data_sets_have_the_official_counts(name, counts):
    data = load(name)
    assert (len(data.train), len(data.test)) == counts
    assert set(np.bincount(data.test.labels)) == ({1000} if name != "mnist" else MNIST_TEST)


MNIST_TEST = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}


@pytest.mark.dataset("fashion-mnist")
def test_the_sample_is_the_head_of_the_full_set(sample):
    data = load("fashion-mnist")
    assert np.array_equal(data.train.images[:200], sample[0].images)
    assert np.array_equal(data.test.labels[:100], sample[1].labels)
