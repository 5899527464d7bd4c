"""A data set known by name: what it holds, how its official files are read, and who offers them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from bitwright.tasks.data.cache import ARRAYS
from bitwright.tasks.data.images import ImageSplit
from bitwright.tasks.data.origin import Origin

Reader = Callable[[Path], tuple[ImageSplit, ImageSplit]]
"""Makes training and test split from the files in a folder; OriginError if they are not there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pin:
    """What a split must be: so many images, with this fingerprint (see `images.fingerprint`)."""

    images: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A named data set. Origins are tried in order, after the cache and files put there by hand.

    `shape` is (C, H, W) of every image, where it is known without loading them. `files` are the
    official files' names (each may be gzipped). Without pins (one's own named data
    set) any content is taken. An `embedded` data set comes with the program and needs neither
    reader nor origins.
    """

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int] | None = None
    train: Pin | None = None
    test: Pin | None = None
    files: tuple[str, ...] = ()
    read: Reader | None = None
    origins: tuple[Origin, ...] = ()
    embedded: Path | None = None

    def stored(self, cache: Path) -> Path:
        """The file that holds the decoded data set, or would."""
        return self.embedded or cache / self.name / ARRAYS
