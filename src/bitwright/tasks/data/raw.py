"""Official files in a folder, under their own names, gzipped or not, checked by their MD5."""

import gzip
import hashlib
import zlib
from pathlib import Path

from bitwright.tasks.data.origin import OriginError


def official_bytes(folder: Path, name: str, md5: str) -> bytes:
    """What the official file `name`, in `folder` or right below, holds.

    OriginError if it is not there, or not the official one.
    """
    path = find(folder, name) or find(folder, f"{name}.gz")
    if path is None:
        raise OriginError(f"there is no file '{name}' (or '{name}.gz')")
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise OriginError(f"'{path}' cannot be read: {error}") from error
    check_md5(content, md5, path)
    return content


def check_md5(content: bytes, md5: str, path: Path) -> None:
    """OriginError if the content's MD5 is not the published one."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise OriginError(f"'{path.name}' has MD5 {found}, the official file has {md5}")


def find(folder: Path, name: str) -> Path | None:
    """The file of that name in `folder` or in a visible folder right below it."""
    if not folder.is_dir():
        return None
    below = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    places = [folder, *(entry for entry in below if entry.is_dir())]
    return next((place / name for place in places if (place / name).is_file()), None)
