"""The phase that gives networks a teacher, where the study wants one (M7.2)."""

import dataclasses
from typing import TYPE_CHECKING, Literal

from bitwright.errors import ConfigError
from bitwright.study.documents import teacher_to_json
from bitwright.study.run import Run

if TYPE_CHECKING:
    from bitwright.train.teaching import School


@dataclasses.dataclass(frozen=True, slots=True)
class Taught:
    """The run whose networks learn from a teacher, and the seconds that preparing it took."""

    run: Run
    seconds: float = 0.0


def check_teacher(run: Run) -> None:
    """Refuses a teacher that does not fit, before anything is recorded."""
    if _wanted(run, "final"):
        _school(run).check()


def taught_candidates(run: Run) -> Taught:
    """The run for sensitivity and candidates: taught, where they are to be."""
    return _taught(run) if _wanted(run, "candidates") else Taught(run)


def taught_final(run: Run) -> Run:
    """The run for the winner and the baseline: taught, where they are to be."""
    return _taught(run).run if _wanted(run, "final") else run


def _wanted(run: Run, networks: Literal["candidates", "final"]) -> bool:
    """Whether these learn from a teacher; by default not where their task has no way to."""
    distill = run.config.distill
    if distill.where == "auto" and run.parts.shop.task.imitation() is None:
        return False
    return distill.candidates if networks == "candidates" else distill.final


def _taught(run: Run) -> Taught:
    school = _school(run)
    if not school.ready():
        run.watcher.phase("teacher")
    lesson, entry = school.lesson()
    before = run.store.get("teacher")
    if before is not None and before["key"] != entry.key and run.store.outcomes():
        raise ConfigError(
            f"the study in '{run.folder.path}' learned from another teacher than "
            f"'{run.config.distill.teacher}' is now; put the old file back, or use another folder "
            "with --out"
        )
    run.store.put("teacher", teacher_to_json(entry))
    shop = dataclasses.replace(run.parts.shop, lesson=lesson)
    parts = dataclasses.replace(run.parts, shop=shop)
    return Taught(dataclasses.replace(run, parts=parts), entry.spent_seconds)


def _school(run: Run) -> "School":
    from bitwright.train.teaching import School

    return School(run.parts.shop, run.config, run.folder.path, run.watcher.progress)
