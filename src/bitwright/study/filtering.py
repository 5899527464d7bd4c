"""The phase before the search: sensitivity is measured, and filters the space (M4.3)."""

import dataclasses
import time
from typing import TYPE_CHECKING

from bitwright.space.joint import JointSpace
from bitwright.study.documents import rows_from_json, rows_to_json
from bitwright.study.reading import removed_lines
from bitwright.study.run import Run
from bitwright.study.settings import probed_under
from bitwright.study.view import SensitivityRow

if TYPE_CHECKING:
    from bitwright.quant.narrowing import Removed


@dataclasses.dataclass(frozen=True, slots=True)
class Filtered:
    """The space to search, and the seconds that finding it took, in whichever run it was."""

    space: JointSpace
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """Every method of the space with its loss, what the filters take out, and the seconds spent."""

    rows: tuple[SensitivityRow, ...]
    removed: "Removed"
    seconds: float


def filtered(run: Run) -> Filtered:
    """The declared space without what sensitivity filters out."""
    left_out = run.parts.left_out
    run.store.put("left_out", left_out)
    if left_out:
        run.watcher.left_out(left_out)
    if not run.config.sensitivity.enabled:
        return Filtered(run.parts.space)
    found = judged(run)
    run.watcher.sensitivity(found.rows, removed_lines(found.rows))
    return Filtered(run.parts.narrowed(found.removed), found.seconds)


def judged(run: Run) -> Judged:
    """Sensitivity as it is stored, or measured now; judged anew, as filters may have changed."""
    from bitwright.quant.narrowing import removals

    losses, seconds = _losses(run)
    fixed = run.config.quantization.mode == "fixed"
    rows, removed = removals(losses, run.parts.space.stages, fixed=fixed)
    run.store.put("sensitivity", rows_to_json(rows))
    return Judged(rows, removed, seconds)


def _losses(run: Run) -> tuple[tuple[SensitivityRow, ...], float]:
    from bitwright.quant.sensitivity import judge_again
    from bitwright.train.sensitivity import fixed_policy, measure

    config, store = run.config, run.store
    under = probed_under(config)
    stored = store.get("sensitivity")
    if stored is not None and store.get("probed_under") == under:
        policy = fixed_policy(config.quantization)
        rows = judge_again(rows_from_json(stored), config.sensitivity, policy=policy)
        return rows, store.get("sensitivity_seconds") or 0.0
    run.watcher.phase("sensitivity")
    start = time.monotonic()
    rows = measure(
        run.parts.shop,
        run.parts.space,
        config,
        lambda done, total: run.watcher.progress(done, total, 0.0),
    )
    seconds = time.monotonic() - start
    store.put("sensitivity_seconds", seconds)
    store.put("probed_under", under)
    return rows, seconds
