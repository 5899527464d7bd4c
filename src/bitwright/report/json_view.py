"""A study as the one JSON object that `bitwright show STUDY --json` prints."""

import math
from collections import Counter
from typing import Any, get_args

from bitwright.records import Outcome, Policy, State, encode
from bitwright.study.view import Entry, StudyView, SupernetEntry, TeacherEntry

Curve = tuple[tuple[float, float, float | None], ...]


def as_json(view: StudyView) -> dict[str, Any]:
    """The study as plain JSON values; what was not measured, or is not finite, is null."""
    counts = Counter(outcome.state for outcome in view.outcomes)
    return {
        "study": view.study,
        "state": view.state,
        "stopped_by": view.stopped_by,
        "trials": {state: counts[state] for state in get_args(State)},
        "at_work": list(view.at_work),
        "taken_over": list(view.taken_over),
        "best": _entry(view.best),
        "final": _entry(view.final),
        "baseline": _entry(view.baseline),
        "finalists": [_entry(entry) for entry in view.finalists],
        "teacher": _teacher(view.teacher),
        "supernet": _supernet(view.supernet),
        "pareto": [_entry(entry) for entry in view.pareto],
    }


def trial_as_json(outcome: Outcome) -> dict[str, Any]:
    """One trial as plain JSON values: what became of it, and all that was measured."""
    return {
        "trial": outcome.number,
        "iteration": outcome.iteration,
        "state": outcome.state,
        "reward": outcome.reward,
        "reason": outcome.reason,
        "epochs": outcome.epochs,
        "fidelity": outcome.fidelity,
        "goes_on": outcome.goes_on,
        "curve": _curve(outcome.curve),
        "metrics": {name: _finite(measured.value) for name, measured in outcome.metrics},
        "estimate": encode(outcome.estimate),
        "seconds": dict(outcome.seconds),
        "seed": outcome.seed,
        "genome": encode(outcome.genome),
        "policy": _policy(outcome.policy),
        "model": outcome.model,
    }


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "accuracy": _finite(entry.accuracy),
        "test_accuracy": _finite(entry.test_accuracy),
        "latency_ms": _finite(entry.latency_ms),
        "packed_bytes": _finite(entry.packed_bytes),
        "file_bytes": _finite(entry.file_bytes),
        "macs": _finite(entry.macs),
        "bitops": _finite(entry.bitops),
        "peak_activation_bytes": _finite(entry.peak_activation_bytes),
        "metrics": {name: _finite(value) for name, value in entry.measured.items()},
        "reward": _finite(entry.reward),
        "trial": entry.trial,
        "genome": encode(entry.genome),
        "policy": _policy(entry.policy),
        "model": entry.model,
        "curve": _curve(entry.curve),
    }


def _teacher(entry: TeacherEntry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "source": entry.source,
        "accuracy": _finite(entry.accuracy),
        "spent_seconds": _finite(entry.spent_seconds),
    }


def _supernet(entry: SupernetEntry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"spent_seconds": _finite(entry.spent_seconds), "curve": _curve(entry.curve)}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _curve(curve: Curve) -> list[list[float | None]]:
    """Epoch, training loss and held-out accuracy of each point."""
    return [[_finite(value) for value in point] for point in curve]


def _policy(policy: Policy) -> dict[str, str]:
    return {str(site): str(method) for site, method in policy}
