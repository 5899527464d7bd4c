"""Sensitivity of unit kinds to methods, and the filters that narrow the space by it (M4).

The performances are measured elsewhere; here they become loss rates and a decision.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from bitwright.config import SensitivityConfig
from bitwright.errors import MeasurementError
from bitwright.quant.spec import Method, Role
from bitwright.study.view import SensitivityRow

Key = tuple[str, Role]  # unit kind and role


@dataclasses.dataclass(frozen=True, slots=True)
class Performance:
    """The whole network's, with one unit on one method: accuracy 0 to 1, bytes, latency in ms.

    The latency is None where it was not timed.
    """

    accuracy: float
    latency: float | None
    memory: float


@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """One measurement: the unit at `path`, of `kind`, took `method` in `role`."""

    path: str
    kind: str
    role: Role
    method: Method
    performance: Performance


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """How much worse the network does with one method than with the others, as fractions.

    The latency growth is None where it was not timed, which is where it has no weight.
    """

    accuracy_drop: float
    latency_growth: float | None
    memory_growth: float

    def total(self, settings: SensitivityConfig) -> float:
        """The weighted sum that the filters look at."""
        total = settings.accuracy * self.accuracy_drop + settings.memory * self.memory_growth
        if not settings.latency:
            return total
        if self.latency_growth is None:
            raise MeasurementError(
                f"sensitivity.latency = {settings.latency:g}, but the latency was not timed; "
                "measure the sensitivity again"
            )
        return total + settings.latency * self.latency_growth


def losses(probes: Sequence[Probe]) -> dict[tuple[str, Role, Method], Loss]:
    """The loss of each (kind, role, method): the mean over the kind's units (M4.1).

    A unit's loss compares the network under this method with its mean under all the others.
    """
    by_unit: dict[tuple[str, str, Role], dict[Method, Performance]] = defaultdict(dict)
    for probe in probes:
        by_unit[probe.path, probe.kind, probe.role][probe.method] = probe.performance
    found: dict[tuple[str, Role, Method], list[Loss]] = defaultdict(list)
    for (_, kind, role), performances in by_unit.items():
        for method, performance in performances.items():
            others = [other for key, other in performances.items() if key != method]
            found[kind, role, method].append(_loss(performance, others))
    return {key: _mean(group) for key, group in found.items()}


def _mean(group: Sequence[Loss]) -> Loss:
    timed = [loss.latency_growth for loss in group if loss.latency_growth is not None]
    return Loss(
        fmean(loss.accuracy_drop for loss in group),
        fmean(timed) if timed else None,
        fmean(loss.memory_growth for loss in group),
    )


def _loss(this: Performance, others: Sequence[Performance]) -> Loss:
    if not others:
        return Loss(0.0, None if this.latency is None else 0.0, 0.0)
    accuracy = fmean(other.accuracy for other in others)
    timed = [other.latency for other in others if other.latency is not None]
    return Loss(
        (accuracy - this.accuracy) / accuracy if accuracy else 0.0,
        None if this.latency is None else _growth(this.latency, timed),
        _growth(this.memory, [other.memory for other in others]),
    )


def _growth(this: float, others: Sequence[float]) -> float:
    usual = fmean(others)
    return (this - usual) / usual if usual else 0.0


def judge(
    probes: Sequence[Probe],
    settings: SensitivityConfig,
    *,
    policy: Mapping[Role, Method] | None = None,
) -> tuple[SensitivityRow, ...]:
    """What was probed, with its loss and whether it stays."""
    return _judged(losses(probes), settings, policy)


def judge_again(
    rows: Sequence[SensitivityRow],
    settings: SensitivityConfig,
    *,
    policy: Mapping[Role, Method] | None = None,
) -> tuple[SensitivityRow, ...]:
    """The same measurements under other filters."""
    measured = {
        (row.unit, row.role, Method.parse(row.method, row.role)): Loss(
            row.accuracy_drop, row.latency_growth, row.memory_growth
        )
        for row in rows
    }
    return _judged(measured, settings, policy)


def _judged(
    measured: Mapping[tuple[str, Role, Method], Loss],
    settings: SensitivityConfig,
    policy: Mapping[Role, Method] | None,
) -> tuple[SensitivityRow, ...]:
    """Every (kind, role, method) with its loss and whether it stays (M4.3).

    In fixed-policy mode only the policy's own method is judged; the others are there to compare
    with. In joint mode the least sensitive method of a kind and role always stays.
    """
    groups: dict[Key, dict[Method, Loss]] = defaultdict(dict)
    for (kind, role, method), loss in measured.items():
        groups[kind, role][method] = loss
    rows: list[SensitivityRow] = []
    for (kind, role), group in sorted(groups.items()):
        order = sorted(group, key=lambda method: (group[method].total(settings), method))
        for method in sorted(group):
            rank = order.index(method)
            judged = policy is None or policy[role] == method
            alone = policy is None and rank == 0
            rows.append(_row((kind, role), method, group[method], settings, rank, judged, alone))
    return tuple(rows)


def _row(
    key: Key,
    method: Method,
    loss: Loss,
    settings: SensitivityConfig,
    rank: int,
    judged: bool,
    alone: bool,
) -> SensitivityRow:
    total = loss.total(settings)
    if settings.keep is not None:
        kept = rank < settings.keep
        reason = f"rank {rank + 1}, the {settings.keep} least sensitive stay"
    else:
        limit = settings.threshold or 0.0
        kept = total <= limit
        reason = f"loss {total:.3f} is {'within' if kept else 'over'} the threshold {limit:g}"
    if not kept and alone:
        kept, reason = True, f"{reason}, but the least sensitive always stays"
    if not judged:
        kept, reason = True, "not in the policy: measured to compare with"
    kind, role = key
    return SensitivityRow(
        kind,
        role,
        str(method),
        loss.accuracy_drop,
        loss.latency_growth,
        loss.memory_growth,
        total,
        kept,
        reason,
    )
