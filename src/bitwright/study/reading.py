"""A stored study as a view: for `bitwright show`, the report and whoever comes back later."""

import dataclasses
from typing import Any

from bitwright.config import StudyConfig
from bitwright.control.converge import comparable, winner
from bitwright.metrics import traded
from bitwright.records import Outcome
from bitwright.report.pareto import Direction, front
from bitwright.study.documents import (
    FINALISTS,
    entry_from_json,
    finalists_from_json,
    rows_from_json,
    supernet_from_json,
    teacher_from_json,
)
from bitwright.study.snapshot import Snapshot
from bitwright.study.store import Store
from bitwright.study.view import Entry, SensitivityRow, StudyView, fields_of

TAKEN_OVER = "taken_over"  # the document of what came from a study for another target
_PARTLY = " (trained in part)"  # such ones stand in while none was trained to the end


def read(store: Store | Snapshot, name: str) -> StudyView:
    """Everything the store knows of its study."""
    outcomes = store.outcomes()
    settings = str(store.get("settings") or "")
    config = StudyConfig.from_text(settings) if settings else None
    complete = [outcome for outcome in outcomes if outcome.state == "complete"]
    rule = config.search.result if config else "best"
    best = entry_of(winner(outcomes, rule)) if complete else None
    final, baseline = store.get("final"), store.get("baseline")
    teacher, supernet = store.get("teacher"), store.get("supernet")
    rows = rows_from_json(store.get("sensitivity") or [])
    if config is not None and not config.sensitivity.enabled:
        rows = unfiltered(rows)
    state: dict[str, Any] = store.get("state") or {}
    return StudyView(
        study=name,
        state=state.get("state", "interrupted"),
        stopped_by=state.get("stopped_by"),
        outcomes=outcomes,
        best=best,
        final=entry_from_json(final) if final else None,
        baseline=entry_from_json(baseline) if baseline else None,
        finalists=finalists_from_json(store.get(FINALISTS) or {}),
        pareto=pareto(outcomes),
        sensitivity=rows,
        removed=(*(store.get("left_out") or ()), *removed_lines(rows)),
        environment=tuple((store.get("environment") or {}).items()),
        settings=settings,
        initial_reward=config.reward.initial if config else 0.0,
        teacher=teacher_from_json(teacher) if teacher else None,
        supernet=supernet_from_json(supernet) if supernet else None,
        taken_over=tuple((store.get(TAKEN_OVER) or {}).get("told", ())),
    )


def unfiltered(rows: tuple[SensitivityRow, ...]) -> tuple[SensitivityRow, ...]:
    """The same losses in a study that filters nothing."""
    reason = "the filter is off (sensitivity.enabled)"
    return tuple(dataclasses.replace(row, kept=True, reason=reason) for row in rows)


def removed_lines(rows: tuple[SensitivityRow, ...]) -> tuple[str, ...]:
    """One line for each method that the filter took out, with the reason."""
    return tuple(
        f"{row.unit} {row.role} {row.method}: {row.reason}" for row in rows if not row.kept
    )


def entry_of(outcome: Outcome, label: str | None = None) -> Entry:
    """A trial as an entry."""
    return Entry(
        label=label or f"trial {outcome.number}{_PARTLY if outcome.fidelity < 1 else ''}",
        genome=outcome.genome,
        policy=outcome.policy,
        units=outcome.units,
        reward=outcome.reward,
        model=outcome.model,
        trial=outcome.number,
        curve=outcome.curve,
        **fields_of(dict(outcome.metrics)),
    )


def pareto(outcomes: tuple[Outcome, ...]) -> tuple[Entry, ...]:
    """The complete trials that none beats in accuracy and every measured cost at once (M1.5).

    Only those that were trained the longest count.
    """
    complete = comparable(outcomes)
    names = [
        cost.name
        for cost in traded(name for outcome in complete for name, _ in outcome.metrics)
        if all(outcome.metric(cost.name) is not None for outcome in complete)
    ]
    points = [
        (outcome.metric("accuracy") or 0.0, *(outcome.metric(name) or 0.0 for name in names))
        for outcome in complete
    ]
    cheaper: Direction = "min"
    directions: list[Direction] = ["max", *[cheaper] * len(names)]
    return tuple(entry_of(complete[index]) for index in front(points, directions))
