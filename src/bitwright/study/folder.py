"""A study's folder: where its database, its models and its report lie."""

import contextlib
import dataclasses
import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bitwright.errors import ConfigError, StoreError

STUDY_SUFFIXES = (".yaml", ".yml")


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """The output folder of one study."""

    path: Path

    @classmethod
    def of(cls, study: Path | str) -> "Folder":
        """The folder that STUDY means: itself, or `runs/<stem>` for a study file."""
        path = Path(study)
        if path.suffix in STUDY_SUFFIXES:
            return cls(Path("runs") / path.stem)
        return cls(path)

    @staticmethod
    def study_file(study: Path | str) -> Path:
        """The file that STUDY means: itself, or the settings in an output folder."""
        path = Path(study)
        return Folder(path).settings if path.is_dir() else path

    @property
    def name(self) -> str:
        """The study's name."""
        return self.path.resolve().name

    @property
    def settings(self) -> Path:
        """The study file as it runs, every default written out."""
        return self.path / "study.yaml"

    @property
    def database(self) -> Path:
        """The study's SQLite database, unless the study names another storage."""
        return self.path / "study.db"

    @property
    def model(self) -> Path:
        """The winner, retrained and exported."""
        return self.path / "model.onnx"

    @property
    def baseline(self) -> Path:
        """The hand-made 8-bit network, exported."""
        return self.path / "baseline.onnx"

    @property
    def finalists(self) -> Path:
        """Where networks lie if several got the final training, and nothing else."""
        return self.path / "finalists"

    def finalist(self, trial: int) -> Path:
        """That of a trial."""
        return self.finalists / f"{trial:05d}.onnx"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def pause(self) -> Path:
        """There while somebody wants the program that runs the study to pause."""
        return self.path / ".pause"

    @property
    def _at_work(self) -> Path:
        return self.path / ".at-work"

    def url(self, storage: str | None) -> str:
        """Where the study is stored."""
        return storage or f"sqlite:///{self.database.resolve()}"

    def make(self) -> None:
        """Creates the folder; StoreError where it cannot be written."""
        if "?" in str(self.path.resolve()):  # there the path ends in every database address
            raise StoreError(
                f"output folder '{self.path.resolve()}' has a '?' in it, which no database address "
                "can hold; name another one with --out"
            )
        try:
            (self.path / "trials").mkdir(parents=True, exist_ok=True)
            probe = self.path / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"output folder '{self.path}' cannot be written ({error.strerror}); "
                "name another one with --out"
            ) from error

    def unmake(self) -> None:
        """Deletes what `make`, a lock and an empty database have left there, and no other file."""
        for path in (self.database, self.path / ".lock"):
            path.unlink(missing_ok=True)
        for path in (self.path / "trials", self.path):
            with contextlib.suppress(OSError):  # something else lies there
                path.rmdir()

    @contextlib.contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Turns what the file system refuses into one StoreError with place and remedy."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = "free some space" if full else "mend that"
            raise StoreError(
                f"'{error.filename or self.path}': {error.strerror or error}; {remedy} and run the "
                "same command again"
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second program from running the same study at the same time."""
        with (self.path / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"another bitwright works in '{self.path}'; wait for it, or use --out"
                ) from error
            self._forget()  # what is meant for an earlier run
            try:
                yield
            finally:
                self._forget()

    def _forget(self) -> None:
        """Deletes what one run of the study has to say to other programs, and they to it."""
        for path in (self.pause, self._at_work):
            path.unlink(missing_ok=True)

    def set_at_work(self, numbers: Iterable[int]) -> None:
        """Says which trials are at work."""
        partial = self._at_work.with_suffix(".partial")
        partial.write_text(" ".join(map(str, numbers)))
        partial.replace(self._at_work)

    def at_work(self) -> tuple[int, ...]:
        """The trials at work, if a program runs the study."""
        try:
            return tuple(map(int, self._at_work.read_text().split())) if self.in_use() else ()
        except FileNotFoundError:
            return ()

    def ask_pause(self) -> None:
        """Asks the program that runs the study to pause; ConfigError where none does."""
        if not self.in_use():
            raise ConfigError(
                f"no program runs the study in '{self.path}'; 'bitwright show' tells how it stands"
            )
        self.pause.touch()

    def pause_asked(self) -> bool:
        """Whether somebody has asked."""
        return self.pause.exists()

    def in_use(self) -> bool:
        """Whether a program runs the study now; one that was killed holds no lock."""
        try:
            with (self.path / ".lock").open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no lock at all, or a file system without locks
            return False
        return False
