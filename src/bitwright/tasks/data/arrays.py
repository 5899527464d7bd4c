"""One's own images as arrays: out of an .npz file or a Python function.

Keys: `images` and `labels` (a fifth of every class becomes the test split), or `train_images`,
`train_labels`, `test_images` and `test_labels`; optionally `classes`, their names in the order of
the labels.

Images are (N, H, W), (N, C, H, W) or (N, H, W, C). A four-dimensional array is taken as
(N, C, H, W), unless only its last axis is 1, 3 or 4 long: then it is (N, H, W, C). Whole numbers
from 0 to 255 are taken as codes; anything else is mapped to them linearly, the smallest training
value to 0 and the largest to 255.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import DataError
from bitwright.tasks.data.holdout import held_rows
from bitwright.tasks.data.images import ImageData, Images, ImageSplit, Labels, make_data
from bitwright.tasks.data.npz import UNREADABLE, read_npz

TEST_FRACTION = 0.2
_ONE = ("images", "labels")
_TWO = ("train_images", "train_labels", "test_images", "test_labels")
_CHANNELS = (1, 3, 4)

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """Images (N, C, H, W) of any number type, and their labels."""

    images: Array
    labels: Labels


def load_npz(path: Path) -> ImageData:
    """The data set in an .npz file."""
    try:
        arrays = read_npz(path)
    except UNREADABLE as error:
        raise DataError(
            f"'{path}' cannot be read as .npz: {error}; write it with numpy.savez, numbers only, "
            "all images of one size"
        ) from error
    return from_arrays(path.stem, arrays, str(path))


def from_arrays(name: str, arrays: Mapping[str, Any], where: str) -> ImageData:
    """The data set made of named arrays; `where` is told in errors and kept as the origin."""
    train, test = _parts(arrays, where)
    classes = _classes(arrays.get("classes"), train.labels, where)
    low, high = _range(train.images)
    return make_data(
        name,
        ImageSplit(_codes(train.images, low, high), train.labels),
        ImageSplit(_codes(test.images, low, high), test.labels),
        classes=classes,
        origin=where,
    )


def _parts(arrays: Mapping[str, Any], where: str) -> tuple[_Part, _Part]:
    if all(key in arrays for key in _TWO):
        return (
            _part(arrays, "train_images", "train_labels", where),
            _part(arrays, "test_images", "test_labels", where),
        )
    if all(key in arrays for key in _ONE):
        whole = _part(arrays, *_ONE, where)
        held = held_rows(whole.labels, TEST_FRACTION, seed=0)
        return (
            _Part(whole.images[~held], whole.labels[~held]),
            _Part(whole.images[held], whole.labels[held]),
        )
    raise DataError(
        f"'{where}' holds {', '.join(sorted(arrays)) or 'nothing'}; needed are "
        f"{' and '.join(_ONE)}, or {', '.join(_TWO)}"
    )


def _part(arrays: Mapping[str, Any], images_key: str, labels_key: str, where: str) -> _Part:
    images = _images(arrays[images_key], f"'{where}' {images_key}")
    labels = _labels(arrays[labels_key], f"'{where}' {labels_key}")
    if len(images) != len(labels):
        raise DataError(
            f"'{where}': {len(images)} {images_key} but {len(labels)} {labels_key}; "
            "every image needs one label"
        )
    return _Part(images, labels)


def _array(given: Any, where: str, remedy: str) -> Array:
    """What a user gives as an array; DataError for lists of unequal lengths."""
    try:
        return np.asarray(given)
    except ValueError as error:
        raise DataError(f"{where} are no array of numbers ({error}); {remedy}") from error


def _images(given: Any, where: str) -> Array:
    images = _array(given, where, "bring all images to one size")
    if images.dtype.kind not in "buif":
        raise DataError(
            f"{where} are of type {images.dtype}; pixels must be numbers, all images of one size"
        )
    if images.ndim == 3:
        images = images[:, np.newaxis]
    elif images.ndim != 4:
        raise DataError(
            f"{where} have shape {images.shape}; make it (N, H, W), (N, C, H, W) or (N, H, W, C)"
        )
    elif images.shape[1] not in _CHANNELS and images.shape[3] in _CHANNELS:
        images = images.transpose(0, 3, 1, 2)
    if 0 in images.shape:
        raise DataError(f"{where} have shape {images.shape}: there is nothing in them; add images")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        place = np.argwhere(~np.isfinite(images))[0].tolist()
        raise DataError(
            f"{where}: image {place[0]} has the pixel value {images[tuple(place)]} at "
            f"(channel, row, column) {tuple(place[1:])}; pixels must be finite numbers"
        )
    return images


def _labels(given: Any, where: str) -> Labels:
    labels = _array(given, where, "give one number for each image")
    if labels.ndim != 1:
        raise DataError(f"{where} have shape {labels.shape}; they must be (N,), one per image")
    if labels.dtype.kind not in "buif":
        raise DataError(f"{where} are of type {labels.dtype}; number the classes from 0")
    whole = np.isfinite(labels) & (labels == np.floor(labels)) if labels.dtype.kind == "f" else None
    if whole is not None and not whole.all():
        row = int(np.argmin(whole))
        raise DataError(
            f"{where}: image {row} has label {labels[row]}; labels must be whole numbers"
        )
    if len(labels) and labels.min() < 0:
        row = int(np.argmin(labels))
        raise DataError(f"{where}: image {row} has label {labels[row]}; labels start at 0")
    return labels.astype(np.int64)


def _classes(names: Any, labels: Labels, where: str) -> tuple[str, ...]:
    """The classes' names; numbers where none are given, and then every number must occur."""
    if names is not None:
        return tuple(str(name) for name in np.asarray(names).ravel())
    present = np.unique(labels)
    gaps = np.flatnonzero(present != np.arange(len(present)))
    if len(gaps):
        raise DataError(
            f"'{where}': no training image has label {gaps[0]}, but some have {present[gaps[0]]}; "
            "number the classes from 0 without gaps, or name them all under the key 'classes'"
        )
    return tuple(str(label) for label in present)


def _range(images: Array) -> tuple[float, float]:
    """The values that become codes 0 and 255."""
    low, high = images.min(), images.max()
    if images.dtype.kind != "f" and low >= 0 and high <= 255:
        return 0.0, 255.0
    return float(low), float(high)


def _codes(images: Array, low: float, high: float) -> Images:
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    inside = np.clip(images.astype(np.float64), low, high) - low
    span = high - low or 1.0  # constant images are refused once they are codes
    return np.ascontiguousarray(np.rint(inside * (255 / span)), dtype=np.uint8)
