"""Files at their official address."""

import dataclasses
import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from bitwright.tasks.data.cache import writing
from bitwright.tasks.data.origin import OriginError, Progress

TIMEOUT_S = 5.0  # for connecting, and for every silence after that
_CHUNK = 1 << 18


@dataclasses.dataclass(frozen=True, slots=True)
class Download:
    """An address and the files under it: pairs of (file name, MD5 as published)."""

    base: str
    files: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return self.base

    def deliver(self, folder: Path, progress: Progress) -> None:
        """Fetches every file and checks its MD5."""
        for name, md5 in self.files:
            found = _fetch(f"{self.base}/{name}", folder / name, progress)
            if found != md5:
                raise OriginError(f"'{name}' has MD5 {found}, the official file has {md5}")


def _fetch(url: str, target: Path, progress: Progress) -> str:
    """Writes what is at `url` to `target` and returns its MD5."""
    request = urllib.request.Request(url, headers={"User-Agent": "bitwright"})
    name = target.name
    md5 = hashlib.md5(usedforsecurity=False)
    done = 0
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length else None
            with writing(target.parent), target.open("wb") as file:
                while chunk := _read(response, name):
                    file.write(chunk)
                    md5.update(chunk)
                    done += len(chunk)
                    progress(name, done, total)
    except urllib.error.HTTPError as error:
        raise OriginError(f"'{name}': the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise OriginError(f"not reachable ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise OriginError(f"not reachable ({error or type(error).__name__})") from error
    return md5.hexdigest()


def _read(response: http.client.HTTPResponse, name: str) -> bytes:
    """The next piece. Network failures are caught here, or `writing` would blame the disk."""
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise OriginError(f"the transfer of '{name}' broke off: {error or 'no answer'}") from error
