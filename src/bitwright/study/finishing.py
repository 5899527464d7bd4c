"""The phase after the search: the winner retrained, exported and proved; and the baseline."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bitwright.control.converge import winner
from bitwright.records import Genome, Outcome
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace
from bitwright.study.documents import BUDGET, entry_to_json
from bitwright.study.run import Run
from bitwright.study.teaching import taught_final
from bitwright.study.view import Entry

if TYPE_CHECKING:
    from bitwright.train.final import Finisher


def finish(run: Run, space: JointSpace) -> None:
    """Makes the networks that the study hands over, unless they are there already.

    Those that were made under another budget are made anew.
    """
    chosen = winner(run.store.outcomes(), run.config.search.result)
    final = _made(run, "final")
    due = final is None or final["trial"] != chosen.number
    baseline_due = run.config.baseline and _made(run, "baseline") is None
    if due or baseline_due:
        run = taught_final(run)
    finisher = _finisher(run, space)
    if due:
        run.watcher.phase("final", f"trial {chosen.number}")
        _keep(run, "final", _final(run, finisher, space, chosen))
    if baseline_due:
        _finish_baseline(run, finisher)


def _made(run: Run, name: str) -> Any | None:
    """The network as it is recorded, if it was made under the budget that is asked for now."""
    entry = run.store.get(name)
    now = _budget(run)
    return entry if entry is None or entry.get(BUDGET, now) == now else None


def _keep(run: Run, name: str, entry: Entry) -> None:
    run.store.put(name, {**entry_to_json(entry), BUDGET: _budget(run)})


def _budget(run: Run) -> dict[str, Any]:
    return run.config.final.model_dump(mode="json")


def _finisher(run: Run, space: JointSpace) -> "Finisher":
    from bitwright.train.final import Finisher

    bench = run.parts.bench(space, run.folder.path)
    return Finisher(
        run.parts.shop,
        run.config.final,
        run.folder.path,
        derive(run.config.search.seed, 0, "final"),
        lambda p: run.watcher.progress(p.done, p.total, p.loss),
        run.pause_if_asked,
        timed=run.parts.shop.times(bench.needs | run.parts.reward.needs),
    )


def _final(run: Run, finisher: "Finisher", space: JointSpace, chosen: Outcome) -> Entry:
    blueprint = space.decode(chosen.genome)
    parent = None
    if run.parts.supernet and run.config.supernet.final == "cut":
        from bitwright.train.cutting import Cutter

        parent = Cutter(run.parts.bench(space, run.folder.path))(blueprint)
    entry = finisher.finish("winner", blueprint, chosen.genome, run.folder.model, parent=parent)
    reward = run.parts.reward
    value = reward.score(entry.measured)
    return dataclasses.replace(entry, trial=chosen.number, reward=value)


def _finish_baseline(run: Run, finisher: "Finisher") -> None:
    blueprint = run.parts.baseline
    if blueprint is None:
        return
    run.watcher.phase("baseline")
    genome = Genome("baseline")
    entry = finisher.finish("8-bit baseline", blueprint, genome, run.folder.baseline)
    _keep(run, "baseline", entry)
