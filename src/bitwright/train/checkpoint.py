"""The state of an unfinished training run, kept in a file so that the run can go on."""

import dataclasses
import io
import logging
import pickle
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)

UNREADABLE = (  # what torch raises for a file that it did not write, or not to its end
    *(OSError, EOFError, RuntimeError, pickle.UnpicklingError),
    *(LookupError, ValueError, TypeError, AttributeError),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training run's file, written after each epoch; `key` names the run."""

    path: Path
    key: str

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the file once the new one is whole."""
        write(self.path, {"key": self.key, "state": state})

    def load(self) -> dict[str, Any] | None:
        """The state to go on from; None where there is none of this run."""
        if not self.path.exists():
            return None
        try:
            found = torch.load(self.path, weights_only=False)
            return dict(found["state"]) if found["key"] == self.key else None
        except UNREADABLE as error:
            logger.warning("%s cannot be read (%s): training starts anew", self.path, error)
            return None

    def remove(self) -> None:
        """Deletes the file."""
        self.path.unlink(missing_ok=True)


def write(path: Path, content: dict[str, Any]) -> None:
    """Writes a file of tensors; an older one stays whole until the new one is."""
    partial = path.with_suffix(".partial")
    buffer = io.BytesIO()  # torch's own writer reports a full disk as a RuntimeError
    torch.save(content, buffer)
    try:
        partial.write_bytes(buffer.getbuffer())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
