"""The dry run: what a study would do, with real steps of real candidates timed for how long.

Nothing is written into the study's folder; what candidates export goes into a temporary one.
"""

import dataclasses
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bitwright.config import StudyConfig
from bitwright.control.halving import Rungs
from bitwright.errors import InfeasibleError, StoreError
from bitwright.execute.base import Job
from bitwright.execute.place import Place
from bitwright.records import Outcome
from bitwright.seeds import derive, generator
from bitwright.study import parts
from bitwright.study.folder import Folder
from bitwright.study.forecast import Forecast, Pace, Phase, Span, Timed
from bitwright.study.parts import Parts
from bitwright.study.reading import TAKEN_OVER
from bitwright.study.retargeting import check_comparable, check_source, measured_already, planned
from bitwright.study.settings import check_unchanged, lookahead, probed_under
from bitwright.study.store import Store
from bitwright.study.watch import Watcher

if TYPE_CHECKING:
    from bitwright.measure.survey import Surveyed

SURVEYED = 60  # random candidates whose costs are counted
QUANTILES = (0.1, 0.5, 0.9)  # of them by their MACs are timed
FEW, MANY = 2, 12  # training steps of a timed candidate: the difference is what steps take
NO_TIME = Span(0.0, 0.0, 0.0)
IN_ONE_GO = Rungs(eta=2, count=1)
SLOW_S = 4.0  # a candidate that takes this for a few steps is timed with hardly more of them


@dataclasses.dataclass(frozen=True, slots=True)
class _Stored:
    """How far the study has come already in its folder."""

    folder: Path
    trials: int = 0
    probed: bool = False
    taken: int | None = None  # of the trials to be taken over; None where that is not known yet
    source: Folder | None = None  # of a study that this one takes over from

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where a teacher or a supernet may lie that is trained already."""
        return (self.folder,) if self.source is None else (self.folder, self.source.path)


@dataclasses.dataclass(frozen=True, slots=True)
class _Sample:
    """Random candidates: all of them, and those that keep the limits that need no training.

    Where the study fits proposals to its limits (`search.fit`), these are fitted too.
    """

    all: "tuple[Surveyed, ...]"
    feasible: "tuple[Surveyed, ...]"

    def quantiles(self) -> "tuple[Surveyed, ...]":
        """Cheap, middling and dear ones."""
        ordered = sorted(self.feasible, key=lambda one: one.costs["macs"])
        places = dict.fromkeys(round(at * (len(ordered) - 1)) for at in QUANTILES)
        return tuple(ordered[place] for place in places)


def forecast(
    config: StudyConfig,
    out: Path,
    watcher: Watcher | None = None,
    *,
    source: Folder | None = None,
) -> Forecast:
    """What `run` would do with these settings, this folder and this study to take over from."""
    watcher = watcher or Watcher()
    folder = Folder(out)
    stored = _stored(config, folder, source)
    parts.check(config)
    watcher.phase("data", config.data.name)
    found = parts.assemble(config, folder.name)
    if source is not None and stored.taken is None:
        taken = planned(found, found.space, source)["trials"]
        probed = stored.probed or measured_already(found, source)
        stored = dataclasses.replace(stored, taken=len(taken), probed=probed)
    sample = _sample(found)
    watcher.phase("timing")
    with tempfile.TemporaryDirectory() as scratch:
        pace = _pace(found, sample, Path(scratch), watcher)
        phases = tuple(_phases(found, pace, sample, stored, Path(scratch)))
    size = found.space.size()
    return Forecast(
        study=folder.name,
        out=str(folder.path),
        recorded=stored.trials,
        facts=_facts(found),
        structures=size.structures,
        networks=size.networks,
        phases=phases,
        memory_bytes=_peak_memory(),
        notes=tuple(_notes(found, sample)),
    )


def _stored(config: StudyConfig, folder: Folder, source: Folder | None) -> _Stored:
    """What the folder holds of the study; ConfigError where it was begun with other settings."""
    nothing = _Stored(folder.path, source=source)
    if source is not None:
        check_comparable(config, source)
    if config.storage is None and not folder.database.exists():
        return nothing
    try:
        name = None if config.storage is None else folder.name
        store = Store.open_existing(folder.url(config.storage), name)
    except StoreError:
        if folder.database.exists():
            raise
        return nothing  # the study is not in its storage yet
    try:
        check_unchanged(store, config, str(folder.path))
        if source is not None:
            check_source(config, source, store)
        probed = store.get("probed_under") == probed_under(config)
        plan = store.get(TAKEN_OVER)
        taken = None if plan is None else len(plan["trials"])
        return _Stored(folder.path, len(store.outcomes()), probed, taken, source)
    finally:
        store.close()


def _sample(found: Parts) -> _Sample:
    from bitwright.measure.survey import survey

    rng = generator(found.config.search.seed, 0, "forecast")
    everything = survey(found.space, SURVEYED, rng)
    if found.config.search.fit:
        everything = _fitted(found, everything)
    feasible = tuple(
        one
        for one in everything
        if not found.reward.violations(found.shop.costs(one.blueprint), only_known=True)
    )
    if not feasible:
        raise InfeasibleError(
            f"each of {SURVEYED} random candidates breaks a limit before it is trained; loosen "
            "the limits or narrow the space"
        )
    return _Sample(everything, feasible)


def _fitted(found: Parts, sample: "tuple[Surveyed, ...]") -> "tuple[Surveyed, ...]":
    """The candidates as the search would meet them: with no more bits than the limits leave."""
    from bitwright.measure.survey import surveyed

    space = found.space
    fitting = found.fitting(space, lambda genome: found.shop.costs(space.decode(genome)))
    return tuple(surveyed(space, fitting.fitted(one.genome)) for one in sample)


def _pace(found: Parts, sample: _Sample, scratch: Path, watcher: Watcher) -> Pace:
    """Real candidates, each evaluated twice: with few steps, and with more."""
    chosen = sample.quantiles()
    if found.supernet:
        found.nursery(found.space, scratch).seed_bed()
    _evaluated(found, chosen[0], FEW, scratch)  # what is compiled or loaded once is not timed
    timed = []
    for done, one in enumerate(chosen):
        watcher.progress(done, len(chosen), 0.0)
        timed.append(_timed(found, one, scratch))
    return Pace(tuple(timed), tuple(one.costs["macs"] for one in sample.feasible))


def _timed(found: Parts, one: "Surveyed", scratch: Path) -> Timed:
    few = _seconds(_evaluated(found, one, FEW, scratch))
    many = 2 * FEW if sum(few.values()) > SLOW_S else MANY
    more = _seconds(_evaluated(found, one, many, scratch))
    step = max(0.0, (more.get("train", 0.0) - few.get("train", 0.0)) / (many - FEW))
    return Timed(one.costs["macs"], step, sum(more.values()) - many * step)


def _seconds(outcome: Outcome) -> dict[str, float]:
    return dict(outcome.seconds)


def _evaluated(found: Parts, one: "Surveyed", steps: int, scratch: Path) -> Outcome:
    """The candidate's outcome after so many training steps; InfeasibleError where it failed."""
    short = found.config.train.model_copy(update={"steps": steps, "epochs": float(steps)})
    whole = found.config.search.model_copy(update={"tuning": 1.0})
    config = found.config.model_copy(update={"train": short, "search": whole})
    evaluator = dataclasses.replace(found, config=config).evaluator(found.space, scratch)
    seed = derive(found.config.search.seed, 0, "forecast")
    outcome = evaluator.evaluate(Job(0, 0, one.genome, seed), Place())
    if outcome.state == "failed":
        raise InfeasibleError(f"a random candidate fails: {outcome.reason}")
    return outcome


def _phases(
    found: Parts, pace: Pace, sample: _Sample, stored: _Stored, scratch: Path
) -> Iterator[Phase]:
    teacher = _teacher(found, pace, stored)
    sensitivity = _sensitivity(found, pace, stored)
    before = sensitivity.time
    if teacher is not None:
        yield teacher
        before += teacher.time if found.config.distill.candidates else NO_TIME
    yield sensitivity
    if found.supernet:
        supernet = _supernet(found, pace, stored)
        before += supernet.time
        yield supernet
    if stored.taken:
        left = max(0, stored.taken - stored.trials)
        what = f"{stored.taken:,} trials taken over, {left:,} of them to be measured yet"
        yield Phase("retarget", what, pace.trial(0).times(left))
    yield _search(found, pace, sample, stored, before)
    yield from _finals(found, pace, sample, scratch)


def _teacher(found: Parts, pace: Pace, stored: _Stored) -> Phase | None:
    """The study's own teacher, where networks are to learn from one."""
    from bitwright.measure.cost import costs
    from bitwright.space.joint import expand
    from bitwright.train.largest import largest
    from bitwright.train.teaching import School
    from bitwright.train.timing import steps

    config, data = found.config, found.shop.task.data
    if not config.distill.final or config.distill.teacher != "study":
        return None
    if any(School(found.shop, config, folder).ready() for folder in stored.folders):
        return Phase("teacher", "trained already", NO_TIME)
    budget = config.distill.train
    macs = costs(expand(largest(found.space.stages, data.input.shape, data.outputs)))["macs"]
    count = steps(found.shop, budget)
    seconds = count * pace.step(macs) * budget.batch / config.train.batch
    return Phase("teacher", f"{count:,} steps of {budget.batch}", Span.about(seconds))


def _sensitivity(found: Parts, pace: Pace, stored: _Stored) -> Phase:
    from bitwright.train.timing import time_sensitivity

    if not found.config.sensitivity.enabled:
        return Phase("sensitivity", "off", NO_TIME)
    if stored.probed:
        return Phase("sensitivity", "measured already", NO_TIME)
    inquiries = time_sensitivity(found.shop, found.space, found.config)
    seconds = sum(one.steps * pace.step(one.macs) + one.questions * one.ask_s for one in inquiries)
    questions = sum(one.questions for one in inquiries)
    what = f"{len(inquiries)} networks trained, {questions} methods tried in them"
    return Phase("sensitivity", what, Span.about(seconds))


def _supernet(found: Parts, pace: Pace, stored: _Stored) -> Phase:
    """Each step of its training is one of several networks."""
    from bitwright.train.timing import steps

    settings = found.config.supernet
    if any(found.nursery(found.space, folder).ready() for folder in stored.folders):
        return Phase("supernet", "trained already", NO_TIME)
    count, networks = steps(found.shop, settings.train), settings.between + 2
    larger = networks * settings.train.batch / found.config.train.batch
    what = f"{count:,} steps of {settings.train.batch}, {networks} networks each"
    return Phase("supernet", what, pace.steps(count).times(larger))


def _search(found: Parts, pace: Pace, sample: _Sample, stored: _Stored, before: Span) -> Phase:
    """The candidates to come; of which as many as of the random ones may break a limit at once."""
    settings = found.config.search
    batch = found.controller(found.space).batch
    whole = settings.iterations * batch
    to_come = max(0, whole - max(stored.trials, stored.taken or 0))
    kept = len(sample.feasible) / len(sample.all)
    time = NO_TIME
    dearest = 0.0  # of a trial
    for count, steps in _trainings(found, batch, whole, to_come):
        one = pace.trial(steps)
        dearest = max(dearest, one.high if count else 0.0)
        time += Span(kept * one.low, kept * one.likely, one.high).times(
            count / found.config.workers
        )
    if settings.minutes is not None and to_come:
        left = max(0.0, 60 * settings.minutes - before.likely)
        time = time.at_most(left + batch * dearest)
    return Phase("search", _search_words(found, batch), time)


def _trainings(found: Parts, batch: int, whole: int, to_come: int) -> list[tuple[float, int]]:
    """Of the trials to come: how many train for how many steps."""
    rungs, fresh = found.rungs or IN_ONE_GO, 0
    if found.leaves:  # the first ones have nothing to start from
        first = min(whole, batch * (1 + lookahead(found.config)))
        fresh = max(0, first - (whole - to_come))
    staged = zip(rungs.expected(to_come - fresh), _stages(found, rungs), strict=True)
    return [(fresh, _steps(found, part=1.0)), *staged]


def _stages(found: Parts, rungs: Rungs) -> list[int]:
    """The steps of a trial on each rung.

    Of one that starts from fresh weights, what is beyond the rung below, and its cool-down again.
    """
    from bitwright.train.timing import schedules

    if found.leaves or found.cuts:
        tuning = found.config.search.tuning
        return [_steps(found, tuning * part) for part in rungs.fidelities]
    whole = schedules(found.shop, found.config.train, rungs.fidelities)
    begins = [0, *(schedule.cools_at for schedule in whole[:-1])]
    return [schedule.total - begin for schedule, begin in zip(whole, begins, strict=True)]


def _search_words(found: Parts, batch: int) -> str:
    settings, size = found.config.search, found.config.train.batch
    whole = settings.iterations * batch
    told = f"{settings.controller}: {settings.iterations} iterations x {batch} = {whole} "
    if found.rungs is not None:
        trainings = _trainings(found, batch, whole, to_come=whole)
        parts = (f"{count:,.0f} x {steps:,} steps" for count, steps in trainings if count)
        return f"{told}trials in stages, some {', '.join(parts)} of {size}"
    each = _steps(found, settings.tuning if found.cuts else 1.0)
    told += f"candidates, each {each:,} steps of {size}"
    if found.leaves:
        told += f", {_steps(found, settings.tuning):,} with the weights of trials before"
    return told


def _steps(found: Parts, part: float) -> int:
    """The most training steps of a candidate that gets this part of the budget."""
    from bitwright.train.timing import steps

    return steps(found.shop, found.config.train.part(part)) if part else 0


def _finals(found: Parts, pace: Pace, sample: _Sample, scratch: Path) -> Iterator[Phase]:
    """The winner, which may be any candidate, and the baseline beside it."""
    from bitwright.train.timing import time_final

    config = found.config
    ordered = sample.quantiles()
    timed = time_final(found.shop, config.final, ordered[len(ordered) // 2].blueprint, scratch)
    larger = config.final.batch / config.train.batch  # batches take as much longer as they are
    beside = Span.about(timed.other_s + (timed.epochs - 1) * timed.judge_s)
    what = f"{timed.steps:,} steps of {config.final.batch}, exported, tested, proved"
    whole = pace.steps(timed.steps).times(larger) + beside
    if config.finalists > 1:
        yield Phase(
            "finalists", f"at most {config.finalists}, each {what}", whole.times(config.finalists)
        )
    else:
        yield Phase("winner", what, whole)
    macs = _baseline_macs(found)
    if macs is not None:
        training = Span.about(timed.steps * larger * pace.step(macs))
        yield Phase("baseline", "the same for the 8-bit network", training + beside)


def _baseline_macs(found: Parts) -> int | None:
    from bitwright.measure.cost import costs
    from bitwright.space.joint import expand

    blueprint = found.baseline
    return None if blueprint is None else costs(expand(blueprint))["macs"]


def _facts(found: Parts) -> tuple[tuple[str, str], ...]:
    """What the study works on and with."""
    known = parts.environment(found.shop, found.config.workers)
    shape = "x".join(map(str, found.shop.task.data.input.shape))
    samples = found.shop.task.samples_are
    return (
        ("data", known["data"]),
        (samples, f"{known[samples]}; {shape}"),
        ("target", ", ".join(found.config.processors)),
        ("training on", f"{known['device']}, threads: {known['threads']}; {known['processor']}"),
        ("workers", known["workers"]),
    )


def _notes(found: Parts, sample: _Sample) -> Iterator[str]:
    config = found.config
    broken = len(sample.all) - len(sample.feasible)
    if broken:
        yield (
            f"Of {len(sample.all)} random candidates, {broken} break a limit before they are "
            "trained: such ones take no time, and a search soon makes fewer of them."
        )
    foretold = _foretold(found, sample)
    if foretold:
        yield (
            f"{', '.join(foretold)}: foretold before training, from single layers. Each kind that "
            "is new to this machine takes up to a second, once."
        )
    if config.search.minutes is not None:
        yield f"search.minutes ends the search after {config.search.minutes:g} minutes."
    if config.search.convergence is not None:
        yield "search.convergence may end the search sooner."


def _foretold(found: Parts, sample: _Sample) -> list[str]:
    """The metrics that limits or a screen need and the target foretells."""
    from bitwright.space.joint import expand

    asked = found.reward.limited
    if found.config.search.screen is not None:
        asked |= found.reward.needs | found.controller(found.space).needs
    cheap = sample.quantiles()[0]  # dear ones may be too large for a target's tools
    return sorted(found.shop.foretold(expand(cheap.blueprint), asked))


def _peak_memory() -> int:
    """The most bytes that this process has held, the timing among them."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
