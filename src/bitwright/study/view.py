"""A study as its readers see it: the values behind `bitwright show` and the report."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from bitwright.quant.spec import Role
from bitwright.records import Genome, Measurement, Outcome, Policy, UnitSpec

StudyState = Literal["running", "interrupted", "finished"]
StoppedBy = Literal["converged", "iterations", "time", "user"]


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One network with everything measured of it; None where a thing was not measured.

    `accuracy` is on held-out data, `test_accuracy` on the test set (0 to 1 both).
    `latency_spread_ms` is half the distance between the quartiles of the single runs.
    `packed_bytes` counts weights at their bits plus scales, biases and zero points; `file_bytes` is
    the exported file. `others` holds what else was measured, by name, such as `instructions` or
    `energy_uj` of the targets that give them; `spreads` is like `latency_spread_ms`, of those of
    them that were timed. `model` is the file's path relative to the study's folder. `proof` says
    how it was checked against the trained network: {"images": "10000", ...}.
    """

    label: str
    genome: Genome
    policy: Policy
    units: tuple[UnitSpec, ...]
    reward: float | None = None
    accuracy: float | None = None
    test_accuracy: float | None = None
    latency_ms: float | None = None
    latency_spread_ms: float | None = None
    packed_bytes: float | None = None
    file_bytes: float | None = None
    macs: float | None = None
    bitops: float | None = None
    peak_activation_bytes: float | None = None
    model: str | None = None
    trial: int | None = None
    curve: tuple[tuple[float, float, float | None], ...] = ()
    proof: tuple[tuple[str, str], ...] = ()
    others: tuple[tuple[str, float], ...] = ()
    spreads: tuple[tuple[str, float], ...] = ()

    @property
    def measured(self) -> dict[str, float]:
        """Every metric that was measured, by name."""
        fields = {name: getattr(self, name) for name in FIELDS}
        found = {name: value for name, value in fields.items() if value is not None}
        return {**found, **dict(self.others)}

    def metric(self, name: str) -> float | None:
        """A metric's value, or None where it was not measured."""
        return self.measured.get(name)

    def spread(self, name: str) -> float | None:
        """How far single measurements of a timed metric lie apart; None for exact ones."""
        return self.latency_spread_ms if name == "latency_ms" else dict(self.spreads).get(name)


FIELDS = (  # the metrics that are fields of an entry
    "accuracy",
    "test_accuracy",
    "latency_ms",
    "packed_bytes",
    "file_bytes",
    "macs",
    "bitops",
    "peak_activation_bytes",
)


def fields_of(measured: Mapping[str, Measurement]) -> dict[str, Any]:
    """The fields of an entry that hold these measurements."""
    fields: dict[str, Any] = {name: at.value for name, at in measured.items() if name in FIELDS}
    other = {name: at for name, at in measured.items() if name not in FIELDS}
    latency = measured.get("latency_ms")
    return {
        **fields,
        "others": tuple((name, at.value) for name, at in other.items()),
        "spreads": tuple((n, at.spread) for n, at in other.items() if at.spread is not None),
        "latency_spread_ms": latency.spread if latency else None,
    }


@dataclasses.dataclass(frozen=True, slots=True)
class ModelView:
    """One model file as a target measured it.

    `context` says how: runtime, processor, threads. `data` names what its accuracies are of, None
    where none is known; `tested` counts the images that it was tested on now, None where the
    accuracies are what the file says of itself.
    """

    path: str
    target: str
    entry: Entry
    context: tuple[tuple[str, str], ...] = ()
    data: str | None = None
    tested: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TeacherEntry:
    """Whom a study's networks learned from: its own teacher ("study"), or a file.

    `accuracy` is on held-out data, 0 to 1. `spent_seconds` went into training and asking it. `key`
    names all that its answers depend on. A file says nothing of its units, and was not trained
    here.
    """

    source: str
    accuracy: float = 0.0
    units: tuple[UnitSpec, ...] = ()
    curve: tuple[tuple[float, float, float | None], ...] = ()
    spent_seconds: float = 0.0
    key: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SupernetEntry:
    """How the training of a study's supernet went.

    `curve` holds (epoch, mean loss of the largest networks, None), `spent_seconds` what it took.
    """

    curve: tuple[tuple[float, float, float | None], ...]
    spent_seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class SensitivityRow:
    """The loss rate of the whole network when one kind of unit takes one method (M4.1).

    The three parts are fractions (0.02 = 2 %), relative to the mean over the other methods; `loss`
    is their weighted sum. The latency growth is None where it has no weight: it is not timed then.
    `kept` says whether the filter let the method pass, `reason` why (not).
    """

    unit: str
    role: Role
    method: str
    accuracy_drop: float
    latency_growth: float | None
    memory_growth: float
    loss: float
    kept: bool
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class StudyView:
    """Everything a reader may ask of a study, whether it ended or not."""

    study: str
    state: StudyState
    stopped_by: StoppedBy | None
    outcomes: tuple[Outcome, ...]
    best: Entry | None
    final: Entry | None
    baseline: Entry | None
    pareto: tuple[Entry, ...]
    sensitivity: tuple[SensitivityRow, ...]
    removed: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    settings: str  # the whole study file as it ran, YAML
    initial_reward: float = 0.0
    teacher: TeacherEntry | None = None
    supernet: SupernetEntry | None = None
    at_work: tuple[int, ...] = ()  # trials that are being evaluated now, by their numbers
    finalists: tuple[Entry, ...] = ()  # if several got the final training: the highest reward first
    taken_over: tuple[str, ...] = ()  # what came from a study for another target, and what did not
