"""The weights of recorded trials: where they lie in a study's folder, and which are kept."""

from pathlib import Path

KEPT = 256  # trials: older ones are no relatives of new ones any more


def weights_file(folder: Path, number: int) -> Path:
    """The file with the weights of the trial of that number."""
    return folder / "trials" / f"{number:05d}.pt"
