"""Minutes into a study's budgets: how many candidates, how long each is trained, and the winner.

Rules of thumb, so that `bitwright init` answers at once; `bitwright search --dry-run` measures.
"""

import dataclasses
import math

SECONDS_AN_IMAGE = 1.5e-4  # of a training step, whatever the network
SECONDS_A_MAC = 1.6e-10  # of a training step, on one core
CORES = 4  # beyond these, networks of this size train no faster
SECONDS_A_CANDIDATE = 0.3  # to build, export and judge it
SEARCH, FINAL, SENSITIVITY = 0.55, 0.3, 0.15  # of the minutes
BATCH = 4  # candidates in an iteration
MOST_EPOCHS = {"train": 8.0, "final": 60.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """A study's sizes. `images` is None where a candidate sees all of them."""

    search_minutes: float  # with what sensitivity takes
    iterations: int
    population: int
    epochs: float
    images: int | None
    final_epochs: float
    sensitivity_epochs: float | None  # None: too long for the minutes


def budget(minutes: float, training_images: int, macs: float, cores: int) -> Budget:
    """What fits into the minutes, for candidates of so many MACs (median)."""
    seconds = 60 * minutes
    image = SECONDS_AN_IMAGE + SECONDS_A_MAC * macs / min(cores, CORES)
    wanted = min(200, max(24, 6 * minutes))  # candidates
    seen = max(min(training_images, 256), (SEARCH * seconds / wanted - SECONDS_A_CANDIDATE) / image)
    seen = min(seen, MOST_EPOCHS["train"] * training_images)
    candidates = max(2 * BATCH, SEARCH * seconds / (seen * image + SECONDS_A_CANDIDATE))
    whole = seen >= training_images
    final = FINAL / 2 * seconds / (training_images * image)  # the winner and the baseline
    sensitivity = _sensitivity(SENSITIVITY * seconds, training_images, image)
    before = 0.0 if sensitivity is None else SENSITIVITY  # which counts against search.minutes
    return Budget(
        search_minutes=_rounded((SEARCH + before) * minutes),
        iterations=math.ceil(min(candidates, 400) / BATCH),
        population=max(4, min(20, round(candidates / 3))),
        epochs=_rounded(seen / training_images) if whole else 1.0,
        images=None if whole else _rounded_images(seen),
        final_epochs=max(1.0, min(MOST_EPOCHS["final"], _rounded(final))),
        sensitivity_epochs=sensitivity,
    )


def _sensitivity(seconds: float, training_images: int, image: float) -> float | None:
    """Passes over the data for each kind's network, of which there are some four."""
    probes = 100 * 1600 * image  # so many questions, each tuned and judged on so many images
    left = (seconds - probes) / 4
    epochs = min(3.0, left / (training_images * image))
    return _rounded(epochs) if epochs * training_images >= 500 else None


def _rounded(value: float) -> float:
    """Two significant digits."""
    return float(f"{value:.1e}")


def _rounded_images(value: float) -> int:
    return max(1, int(_rounded(value)))
