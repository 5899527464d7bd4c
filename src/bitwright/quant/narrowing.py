"""From sensitivity rows to a narrower space (M4.3): which methods leave which kinds of unit."""

import dataclasses
from collections.abc import Sequence

from bitwright.config import StageConfig
from bitwright.quant.spec import Method, Role
from bitwright.study.view import SensitivityRow

Removed = tuple[tuple[tuple[str, Role, Method], str], ...]


def removals(
    rows: Sequence[SensitivityRow], stages: Sequence[StageConfig], *, fixed: bool
) -> tuple[tuple[SensitivityRow, ...], Removed]:
    """The rows as they take effect, and what they remove.

    In fixed-policy mode a kind of unit leaves the space with its method; the least sensitive kind
    of every stage and the classifier stay whatever their loss, so that a network remains.
    """
    kept_anyway = _last_kinds(rows, stages) | {"classifier"} if fixed else frozenset()
    final = tuple(_spared(row) if not row.kept and row.unit in kept_anyway else row for row in rows)
    removed = tuple(
        ((row.unit, row.role, Method.parse(row.method, row.role)), row.reason)
        for row in final
        if not row.kept
    )
    return final, removed


def _last_kinds(rows: Sequence[SensitivityRow], stages: Sequence[StageConfig]) -> frozenset[str]:
    """For each stage that would lose every kind: its least sensitive one."""
    loss: dict[str, float] = {}
    for row in rows:
        if not row.kept:
            loss[row.unit] = max(row.loss, loss.get(row.unit, row.loss))
    return frozenset(
        min(stage.kinds, key=lambda kind: loss[kind])
        for stage in stages
        if all(kind in loss for kind in stage.kinds)
    )


def _spared(row: SensitivityRow) -> SensitivityRow:
    reason = f"{row.reason}, but a stage needs a kind of unit, and this is the least sensitive"
    return dataclasses.replace(row, kept=True, reason=reason)
