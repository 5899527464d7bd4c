"""The phase after the search: the winner retrained, exported and proved; and the baseline."""

import dataclasses
import functools
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitwright.control.converge import Rule, comparable, winner
from bitwright.control.reward import Reward
from bitwright.errors import InfeasibleError
from bitwright.records import Genome, Outcome
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace
from bitwright.study.documents import BUDGET, FINALISTS, entry_from_json, entry_to_json
from bitwright.study.reading import pareto
from bitwright.study.run import Run
from bitwright.study.teaching import taught_candidates, taught_final
from bitwright.study.view import Entry

if TYPE_CHECKING:
    from bitwright.train.cutting import Cutter
    from bitwright.train.final import Finisher

logger = logging.getLogger(__name__)

Made = dict[str, Any]  # an entry's document, with the budget that it was made under


def finish(run: Run, space: JointSpace) -> None:
    """Makes the networks that the study hands over, unless they are there already.

    Those that were made under another budget are made anew.
    """
    chosen = finalists(run.store.outcomes(), run.config.search.result, run.config.finalists)
    finals = _Finals(run, space)
    if len(chosen) == 1:
        _finish_one(run, finals, chosen[0])
    else:
        _finish_several(run, finals, chosen)
    if run.config.baseline and _made(run, "baseline") is None:
        _finish_baseline(run, finals)


def finalists(outcomes: Sequence[Outcome], rule: Rule, count: int) -> list[Outcome]:
    """The trials that get the final training: the winner, then the best others of the Pareto set.

    At most `count`, each network once. Under the rule `last` the Pareto set is that of the winner's
    iteration.
    """
    first = winner(outcomes, rule)
    rivals = [
        outcome
        for outcome in comparable(outcomes)
        if rule == "best" or outcome.iteration == first.iteration
    ]
    front = {entry.trial for entry in pareto(tuple(rivals))}
    others = (outcome for outcome in rivals if outcome.number in front)
    chosen = [first]
    for outcome in sorted(others, key=lambda outcome: (-outcome.reward, outcome.number)):
        if all((outcome.units, outcome.policy) != (one.units, one.policy) for one in chosen):
            chosen.append(outcome)
    return chosen[:count]


def best_of(entries: Sequence[Entry], reward: Reward) -> Entry:
    """The highest reward among those that keep to all limits, if any does; the first of equals."""

    def worth(entry: Entry) -> tuple[bool, float]:
        broken = reward.violations(entry.measured, only_known=True)
        return not broken, reward.penalty(broken) if broken else reward.score(entry.measured)

    return max(entries, key=worth)


def _finish_one(run: Run, finals: "_Finals", chosen: Outcome) -> None:
    final = _made(run, "final")
    if final is None or final["trial"] != chosen.number:
        known = _known(run).get(str(chosen.number))  # one of several, in an earlier run
        if known is not None:
            _hand_over(run, entry_from_json(known))
        else:
            said = ("final", f"trial {chosen.number}")
            _keep(run, "final", finals.of(chosen, run.folder.model, "winner", said))
    _remember(run, {}, ())


def _finish_several(run: Run, finals: "_Finals", chosen: Sequence[Outcome]) -> None:
    """Trains each of them, and hands over the one that is best then.

    One whose training diverges is none of them any more; InfeasibleError where all do.
    """
    numbers = [str(outcome.number) for outcome in chosen]
    made = {number: one for number, one in _known(run).items() if number in numbers}
    made |= _trained_alone(run, [number for number in numbers if number not in made])
    _remember(run, made, numbers)
    broken = None
    for place, outcome in enumerate(chosen, 1):
        number, path = str(outcome.number), run.folder.finalist(outcome.number)
        if number in made:
            continue
        said = ("finalist", f"trial {number}, {place} of {len(chosen)}")
        try:
            entry = finals.of(outcome, path, f"trial {number}", said)
        except InfeasibleError as error:
            logger.warning("trial %s is no finalist: %s", number, error)
            broken = error
            continue
        made[number] = _document(run, entry)
        run.store.put(FINALISTS, made)
    if broken is not None and not made:
        raise broken
    entries = [entry_from_json(made[number]) for number in numbers if number in made]
    _hand_over(run, best_of(entries, run.parts.reward))


def _known(run: Run) -> dict[str, Made]:
    """The finalists that were trained under this budget and are there, by their trials' numbers."""
    found: dict[str, Made] = run.store.get(FINALISTS) or {}
    return {
        number: one
        for number, one in found.items()
        if _is_current(run, one) and run.folder.finalist(int(number)).exists()
    }


def _trained_alone(run: Run, missing: Sequence[str]) -> dict[str, Made]:
    """The network that an earlier run trained alone, as a finalist, if it is a missing one."""
    final = _made(run, "final")
    if final is None or str(final["trial"]) not in missing or not run.folder.model.exists():
        return {}
    number, path = str(final["trial"]), run.folder.finalist(final["trial"])
    path.parent.mkdir(exist_ok=True)
    _copy(run.folder.model, path)
    name = str(path.relative_to(run.folder.path))
    return {number: {**final, "label": f"trial {number}", "model": name}}


def _remember(run: Run, made: Mapping[str, Made], numbers: Sequence[str]) -> None:
    """Keeps these finalists, and of all others nothing; checkpoints of those `numbers` stay."""
    if made or run.store.get(FINALISTS):
        run.store.put(FINALISTS, dict(made))
    for path in run.folder.finalists.glob("[0-9]" * 5 + ".*"):
        number = str(int(path.name.partition(".")[0]))
        if number not in (made if path.suffix == ".onnx" else numbers):
            path.unlink()


def _hand_over(run: Run, best: Entry) -> None:
    """Makes that finalist the study's network, unless it is already."""
    path, before = run.folder.model, _made(run, "final")
    final = dataclasses.replace(best, label="winner", model=path.name)
    if before is None or entry_from_json(before) != final or not path.exists():
        _copy(run.folder.path / str(best.model), path)
        _keep(run, "final", final)


def _copy(source: Path, path: Path) -> None:
    """Copies a file; an older one stays whole until the new one is."""
    partial = path.with_suffix(".partial")
    shutil.copyfile(source, partial)
    partial.replace(path)


def _finish_baseline(run: Run, finals: "_Finals") -> None:
    entry = finals.baseline()
    if entry is not None:
        _keep(run, "baseline", entry)


def _made(run: Run, name: str) -> Made | None:
    """The network as it is recorded, if it was made under the budget that is asked for now."""
    document = run.store.get(name)
    return document if document is not None and _is_current(run, document) else None


def _is_current(run: Run, document: Made) -> bool:
    now = _budget(run)
    return bool(document.get(BUDGET, now) == now)


def _keep(run: Run, name: str, entry: Entry) -> None:
    run.store.put(name, _document(run, entry))


def _document(run: Run, entry: Entry) -> Made:
    return {**entry_to_json(entry), BUDGET: _budget(run)}


def _budget(run: Run) -> dict[str, Any]:
    return run.config.final.model_dump(mode="json")


class _Finals:
    """Trains networks to the end, exports and proves them.

    They learn from a teacher where the study says so, who is prepared when the first one is due.
    """

    def __init__(self, run: Run, space: JointSpace) -> None:
        self._run, self._space = run, space

    def of(self, chosen: Outcome, path: Path, label: str, said: tuple[str, str]) -> Entry:
        """The network of a trial, in that file; `said` is what the watcher hears of it."""
        run, finisher = self._run, self._finisher
        run.watcher.phase(*said)
        path.parent.mkdir(exist_ok=True)
        blueprint = self._space.decode(chosen.genome)
        parent = None
        if run.parts.supernet and run.config.supernet.final == "cut":
            parent = self._cutter(blueprint)
        entry = finisher.finish(label, blueprint, chosen.genome, path, parent=parent)
        value = run.parts.reward.score(entry.measured)
        return dataclasses.replace(entry, trial=chosen.number, reward=value)

    def baseline(self) -> Entry | None:
        """The hand-made 8-bit network, where the target runs it."""
        run, blueprint = self._run, self._run.parts.baseline
        if blueprint is None:
            return None
        finisher = self._finisher
        run.watcher.phase("baseline")
        genome = Genome("baseline")
        return finisher.finish("8-bit baseline", blueprint, genome, run.folder.baseline)

    @functools.cached_property
    def _cutter(self) -> "Cutter":
        """Of the supernet, as candidates were taught when it was trained."""
        from bitwright.train.cutting import Cutter

        run = taught_candidates(self._run).run
        return Cutter(run.parts.bench(self._space, run.folder.path))

    @functools.cached_property
    def _finisher(self) -> "Finisher":
        from bitwright.train.final import Finisher

        run = taught_final(self._run)
        bench = run.parts.bench(self._space, run.folder.path)
        return Finisher(
            run.parts.shop,
            run.config.final,
            run.folder.path,
            derive(run.config.search.seed, 0, "final"),
            lambda p: run.watcher.progress(p.done, p.total, p.loss),
            run.pause_if_asked,
            timed=run.parts.shop.times(bench.needs | run.parts.reward.needs),
        )
