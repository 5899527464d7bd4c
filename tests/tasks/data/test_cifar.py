import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from bitwright.tasks.data.cifar import (
    ARCHIVE,
    TEST_BATCH,
    TRAIN_BATCHES,
    decode_batch,
    read_cifar10,
    rebuild_batches,
)
from bitwright.tasks.data.origin import OriginError

NAMES = (*TRAIN_BATCHES, TEST_BATCH)


@pytest.fixture
def batches():
    """Six tiny batches in the official layout: name to (labels, images)."""
    rng = np.random.default_rng(5)
    return {
        name: (
            rng.integers(0, 10, 3, dtype=np.uint8),
            rng.integers(0, 256, (3, 3, 32, 32), dtype=np.uint8),
        )
        for name in NAMES
    }


def official(labels, images):
    return b"".join(
        bytes([label]) + image.tobytes() for label, image in zip(labels, images, strict=True)
    )


@pytest.fixture
def md5(batches):
    return {
        f"{name}.bin": hashlib.md5(official(*batch)).hexdigest() for name, batch in batches.items()
    }


def test_a_batch_decodes_to_planes(batches):
    labels, images = batches["test_batch"]
    split = decode_batch(official(labels, images), "test_batch.bin")
    assert np.array_equal(split.images, images)
    assert split.labels.tolist() == labels.tolist()


def test_a_cut_batch_is_refused(batches):
    with pytest.raises(OriginError, match=r"'x\.bin' has 9218 bytes, no whole number"):
        decode_batch(official(*batches["test_batch"])[:-1], "x.bin")


def test_strips_of_the_package_become_the_official_batches(batches, md5, tmp_path):
    for name, (_, images) in batches.items():
        strip = images.transpose(0, 2, 3, 1).reshape(3, 1024, 3)
        Image.fromarray(strip).save(tmp_path / f"{name}.png")
    labels = np.concatenate([batches[name][0] for name in TRAIN_BATCHES]).tolist()
    (tmp_path / "train_lables.json").write_text(json.dumps(labels))
    (tmp_path / "test_lables.json").write_text(json.dumps(batches[TEST_BATCH][0].tolist()))
    rebuild_batches(tmp_path)
    train, test = read_cifar10(tmp_path, md5=md5)
    assert np.array_equal(
        train.images, np.concatenate([batches[name][1] for name in TRAIN_BATCHES])
    )
    assert train.labels.tolist() == labels
    assert np.array_equal(test.images, batches[TEST_BATCH][1])


def write_archive(folder, batches):
    with tarfile.open(folder / ARCHIVE, "w:gz") as tar:
        for name, batch in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            content = official(*batch)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_the_official_archive_is_read_in_official_order(batches, md5, tmp_path):
    write_archive(tmp_path, dict(reversed(batches.items())))
    train, test = read_cifar10(tmp_path, md5=md5)
    assert np.array_equal(train.images[:3], batches["data_batch_1"][1])
    assert np.array_equal(test.images, batches[TEST_BATCH][1])


def test_an_archive_without_a_batch_or_with_a_changed_one_is_refused(batches, md5, tmp_path):
    labels, images = batches["data_batch_3"]
    write_archive(tmp_path, {**batches, "data_batch_3": (labels, 255 - images)})
    with pytest.raises(OriginError, match=r"'data_batch_3\.bin' has MD5"):
        read_cifar10(tmp_path, md5=md5)
    del batches["data_batch_3"]
    write_archive(tmp_path, batches)
    with pytest.raises(OriginError, match=r"holds no 'data_batch_3\.bin'"):
        read_cifar10(tmp_path, md5=md5)


def test_a_broken_archive_is_named(md5, tmp_path):
    (tmp_path / ARCHIVE).write_bytes(b"<html>moved</html>")
    with pytest.raises(OriginError, match=rf"{ARCHIVE}' cannot be unpacked"):
        read_cifar10(tmp_path, md5=md5)
