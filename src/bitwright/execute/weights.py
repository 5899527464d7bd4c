"""What recorded trials have learned: where it lies in a study's folder, and how long."""

from pathlib import Path

KEPT = 256  # trials: of older ones nothing is taken up any more


def weights_file(folder: Path, number: int) -> Path:
    """The file with the weights of the trial of that number."""
    return folder / "trials" / f"{number:05d}.pt"


def checkpoint_file(folder: Path, number: int) -> Path:
    """The file from which the training of the trial of that number goes on."""
    return folder / "trials" / f"{number:05d}.checkpoint.pt"


def learned_by(path: Path) -> int:
    """The number of the trial that such a file belongs to."""
    return int(path.name.partition(".")[0])
