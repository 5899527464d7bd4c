"""The phase after the search: the winner retrained, exported and proved; and the baseline."""

import dataclasses
from typing import TYPE_CHECKING

from bitwright.control.converge import winner
from bitwright.records import Genome, Outcome
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace
from bitwright.study.documents import entry_to_json
from bitwright.study.run import Run
from bitwright.study.teaching import taught_final
from bitwright.study.view import Entry

if TYPE_CHECKING:
    from bitwright.train.final import Finisher


def finish(run: Run, space: JointSpace) -> None:
    """Makes the networks that the study hands over, unless they are there already."""
    chosen = winner(run.store.outcomes(), run.config.search.result)
    final = run.store.get("final")
    due = final is None or final["trial"] != chosen.number
    if due or (run.config.baseline and run.store.get("baseline") is None):
        run = taught_final(run)
    finisher = _finisher(run)
    if due:
        run.watcher.phase("final", f"trial {chosen.number}")
        run.store.put("final", entry_to_json(_final(run, finisher, space, chosen)))
    if run.config.baseline and run.store.get("baseline") is None:
        _finish_baseline(run, finisher)


def _finisher(run: Run) -> "Finisher":
    from bitwright.train.final import Finisher

    return Finisher(
        run.parts.shop,
        run.config.final,
        run.folder.path,
        derive(run.config.search.seed, 0, "final"),
        lambda p: run.watcher.progress(p.done, p.total, p.loss),
        run.pause_if_asked,
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
    run.store.put("baseline", entry_to_json(entry))
