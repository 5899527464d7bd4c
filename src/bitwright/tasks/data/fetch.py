"""Brings a named data set into the cache: from files put there by hand, else from its origins."""

import dataclasses
import tempfile
from pathlib import Path

from bitwright.errors import DataError
from bitwright.tasks.data.cache import damaged, recall, store, writing
from bitwright.tasks.data.images import ImageData, ImageSplit, fingerprint, make_data
from bitwright.tasks.data.origin import Origin, OriginError, Progress, silent
from bitwright.tasks.data.source import Pin, Reader, Source


@dataclasses.dataclass(frozen=True, slots=True)
class _ByHand:
    """Files that somebody put into the data set's folder."""

    place: Path

    def __str__(self) -> str:
        return f"files in {self.place}"

    def deliver(self, folder: Path, progress: Progress) -> None:
        """Nothing is left to do."""


def fetch(source: Source, cache: Path, progress: Progress = silent) -> ImageData:
    """The named data set, verified, from the cache; obtained and stored first if need be."""
    path = source.stored(cache)
    if not path.is_file():
        train, test, origin = _obtain(source, path.parent, progress)
        store(path, train, test, origin)
    train, test, origin = recall(path)
    try:
        digest = _verify(source, train, test)
    except OriginError as error:
        raise damaged(path, str(error)) from error
    return make_data(source.name, train, test, classes=source.classes, origin=origin, digest=digest)


def _obtain(source: Source, place: Path, progress: Progress) -> tuple[ImageSplit, ImageSplit, str]:
    """Both splits from the first origin whose files are right, and that origin's name."""
    failures = []
    origins: tuple[Origin, ...] = (_ByHand(place), *source.origins)
    for origin in origins:
        try:
            train, test = _from_origin(source, origin, place, progress)
        except OriginError as error:
            failures.append(f"  {origin}: {error}")
        else:
            return train, test, str(origin)
    tried = "\n".join(failures)
    raise DataError(
        f"no source could deliver the data set '{source.name}':\n{tried}\n"
        f"put {', '.join(source.files)} into {place} (gzipped or not) and run the command again"
    )


def _from_origin(
    source: Source, origin: Origin, place: Path, progress: Progress
) -> tuple[ImageSplit, ImageSplit]:
    if source.read is None:
        raise OriginError("no reader is declared for this data set")
    if isinstance(origin, _ByHand):
        return _read(source, source.read, place)
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".fetch-", dir=place)
    with scratch as folder:
        origin.deliver(Path(folder), progress)
        return _read(source, source.read, Path(folder))


def _read(source: Source, read: Reader, folder: Path) -> tuple[ImageSplit, ImageSplit]:
    train, test = read(folder)
    _verify(source, train, test)
    return train, test


def _verify(source: Source, train: ImageSplit, test: ImageSplit) -> str:
    """The training split's fingerprint; OriginError if either split is not the pinned one."""
    _match("test", test, source.test)
    return _match("training", train, source.train)


def _match(part: str, split: ImageSplit, pin: Pin | None) -> str:
    found = fingerprint(split)
    if pin is not None and (len(split), found) != (pin.images, pin.sha256):
        raise OriginError(
            f"its {len(split)} {part} images have SHA-256 {found}, "
            f"the official {pin.images} have {pin.sha256}"
        )
    return found
