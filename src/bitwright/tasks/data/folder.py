"""One's own images as a folder of class folders: `folder/CLASS/picture.png`.

With `folder/train/CLASS` and `folder/test/CLASS` the split is the user's. Otherwise a fifth of
every class, the files whose relative paths have the smallest SHA-1, is the test split: adding files
moves few of the others. Classes are numbered in the order of their names. If every picture is grey
the images have one channel, else three.
"""

import dataclasses
import hashlib
import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from bitwright.errors import DataError
from bitwright.tasks.data.images import ImageData, Images, ImageSplit, make_data

TEST_FRACTION = 0.2
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
)
_GREY = frozenset({"1", "L", "LA"})
_COLOUR = frozenset({"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Picture:
    path: Path
    label: str


def load_folder(folder: Path) -> ImageData:
    """The data set in a folder of class folders."""
    train, test = _split(folder)
    classes = tuple(sorted({picture.label for picture in train}))
    for picture in test:
        if picture.label not in classes:
            raise DataError(
                f"'{picture.path}' is of class '{picture.label}', which has no folder under "
                f"'{folder / 'train'}'; add training images of it"
            )
    channels = _channels([*train, *test])
    name = folder.resolve().name
    return make_data(
        name,
        _decode(train, classes, channels),
        _decode(test, classes, channels),
        classes=classes,
        origin=str(folder),
    )


def _split(folder: Path) -> tuple[list[_Picture], list[_Picture]]:
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return _pictures(folder / "train"), _pictures(folder / "test")
    train: list[_Picture] = []
    test: list[_Picture] = []
    for label, group in itertools.groupby(_pictures(folder), lambda picture: picture.label):
        pictures = list(group)
        if len(pictures) < 2:
            raise DataError(
                f"class folder '{folder / label}' holds one image; at least two are needed, one "
                "for training and one for testing"
            )
        chosen = sorted(pictures, key=lambda picture: _rank(picture.path, folder))
        held = set(chosen[: max(1, round(TEST_FRACTION * len(pictures)))])
        train += [picture for picture in pictures if picture not in held]
        test += [picture for picture in pictures if picture in held]
    return train, test


def _rank(path: Path, folder: Path) -> str:
    relative = path.relative_to(folder).as_posix()
    return hashlib.sha1(relative.encode(), usedforsecurity=False).hexdigest()


def _pictures(folder: Path) -> list[_Picture]:
    """All pictures in the class folders of `folder`, class by class, in the order of paths."""
    classes = sorted(entry for entry in folder.iterdir() if _visible_folder(entry))
    if not classes:
        raise DataError(
            f"'{folder}' holds no class folders; put each class's images into a folder of its name"
        )
    pictures: list[_Picture] = []
    for place in classes:
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(
                f"class folder '{place}' holds no images ({', '.join(sorted(SUFFIXES))}); "
                "add some or remove it"
            )
        pictures += [_Picture(path, place.name) for path in found]
    return pictures


def _visible_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.name.startswith(".")


def _channels(pictures: list[_Picture]) -> int:
    """1 if all pictures are grey, else 3; DataError if their sizes differ. Reads headers only."""
    first = _header(pictures[0].path)
    grey = True
    for picture in pictures:
        header = _header(picture.path)
        if header.size != first.size:
            raise DataError(
                f"'{pictures[0].path}' is {first.size[0]}x{first.size[1]} pixels, '{picture.path}' "
                f"is {header.size[0]}x{header.size[1]}; bring all images to one size"
            )
        grey = grey and header.mode in _GREY
    return 1 if grey else 3


@dataclasses.dataclass(frozen=True, slots=True)
class _Header:
    size: tuple[int, int]
    mode: str


def _header(path: Path) -> _Header:
    with _opened(path) as image:
        header = _Header(image.size, image.mode)
    if header.mode not in _GREY | _COLOUR:
        raise DataError(
            f"'{path}' has pixels of kind '{header.mode}'; save it with 8 bits per channel"
        )
    return header


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (OSError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _decode(pictures: list[_Picture], classes: tuple[str, ...], channels: int) -> ImageSplit:
    images = np.stack([_pixels(picture.path, channels) for picture in pictures])
    labels = np.array([classes.index(picture.label) for picture in pictures], np.int64)
    return ImageSplit(images, labels)


def _pixels(path: Path, channels: int) -> Images:
    """The picture as (C, H, W); transparency is left out."""
    with _opened(path) as image:
        try:
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise _unreadable(path, error) from error
    return pixels[np.newaxis] if channels == 1 else pixels.transpose(2, 0, 1)


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"'{path}' cannot be read as an image ({error}); replace or remove it")
