"""Labelled images as a network sees them: 8-bit codes, and the scale that turns them into reals."""

import dataclasses
import hashlib

import numpy as np
import numpy.typing as npt

from bitwright.errors import DataError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
_SLICE = 1000  # images counted at once, to keep the temporary arrays small


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ImageSplit:
    """Images (N, C, H, W) and the class number (N,) of each."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.bool_]) -> "ImageSplit":
        """The images where `rows` (N,) is True, in their old order."""
        return ImageSplit(self.images[rows], self.labels[rows])


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ImageData:
    """A data set ready to learn from. A network's real input is ``(code - zero_point) * scale``.

    `digest` is the training data's fingerprint; exported models carry it. `origin` says where the
    images came from.
    """

    name: str
    train: ImageSplit
    test: ImageSplit
    classes: tuple[str, ...]
    scale: float
    zero_point: int
    digest: str
    origin: str


def make_data(
    name: str,
    train: ImageSplit,
    test: ImageSplit,
    *,
    classes: tuple[str, ...],
    origin: str,
    digest: str | None = None,
) -> ImageData:
    """The data set made of two splits, checked; `digest` where `train` was hashed already."""
    where = f"data set '{name}' ({origin})"
    for part, split in (("training", train), ("test", test)):
        if not len(split):
            raise DataError(f"{where}: there are no {part} images; add some for every class")
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            f"{where}: training images are {train.images.shape[1:]} (channels, height, width), "
            f"test images {test.images.shape[1:]}; bring all to one size"
        )
    _check_classes(where, train, test, classes)
    scale, zero_point = _normalisation(where, train.images)
    digest = fingerprint(train) if digest is None else digest
    return ImageData(name, train, test, classes, scale, zero_point, digest, origin)


def fingerprint(split: ImageSplit) -> str:
    """The SHA-256, in hexadecimal, of the images' bytes and then the labels' ('<i8')."""
    sha = hashlib.sha256(np.ascontiguousarray(split.images).data)
    sha.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
    return sha.hexdigest()


def _check_classes(
    where: str, train: ImageSplit, test: ImageSplit, classes: tuple[str, ...]
) -> None:
    for part, labels in (("training", train.labels), ("test", test.labels)):
        wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
        if len(wrong):
            raise DataError(
                f"{where}: {part} image {wrong[0]} has label {labels[wrong[0]]}; "
                f"the {len(classes)} classes are numbered 0 to {len(classes) - 1}"
            )
    present = np.unique(train.labels)
    if len(present) < 2:
        raise DataError(
            f"{where}: all training images are of one class, '{classes[present[0]]}'; "
            "a classifier needs at least two"
        )


def _normalisation(where: str, images: Images) -> tuple[float, int]:
    """Scale and zero point that bring the codes to about mean 0 and deviation 1."""
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), _SLICE):
        counts += np.bincount(images[start : start + _SLICE].ravel(), minlength=256)
    codes = np.arange(256)
    mean = float(np.average(codes, weights=counts))
    deviation = float(np.sqrt(np.average((codes - mean) ** 2, weights=counts)))
    if deviation == 0:
        raise DataError(f"{where}: every training pixel has the value {mean:.0f}; nothing to learn")
    return 1 / deviation, min(255, max(0, round(mean)))
