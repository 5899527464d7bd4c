"""The IDX format of MNIST and its relatives: http://yann.lecun.com/exdb/mnist/."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bitwright.tasks.data.images import Images, ImageSplit
from bitwright.tasks.data.origin import OriginError
from bitwright.tasks.data.raw import official_bytes

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_UNSIGNED_BYTE = 8


def read_idx_set(folder: Path, *, md5: Mapping[str, str]) -> tuple[ImageSplit, ImageSplit]:
    """Training and test split from the four IDX files; `md5` is each one's checksum, unzipped."""
    train_images, train_labels, test_images, test_labels = (
        decode_idx(official_bytes(folder, name, md5[name]), name) for name in FILES
    )
    return (
        ImageSplit(train_images[:, np.newaxis], train_labels.astype(np.int64)),
        ImageSplit(test_images[:, np.newaxis], test_labels.astype(np.int64)),
    )


def decode_idx(content: bytes, name: str) -> Images:
    """The array of unsigned bytes in an IDX file.

    It starts with 0, 0, type, rank; big-endian int32 sizes and the values follow.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise OriginError(f"'{name}' is no IDX file of bytes: it starts with {content[:4]!r}")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise OriginError(f"'{name}' is cut off within its first {start} bytes")
    shape = np.frombuffer(content[4:start], ">i4").tolist()
    if len(content) - start != math.prod(shape):
        raise OriginError(
            f"'{name}' announces {shape} values but holds {len(content) - start}; "
            "it is cut off or damaged"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
