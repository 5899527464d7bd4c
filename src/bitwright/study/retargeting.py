"""A study for another target that begins with what a study for its old target has trained."""

import dataclasses
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitwright.config import StudyConfig
from bitwright.control.reward import ACCURACY
from bitwright.errors import ConfigError, InvalidGenome
from bitwright.execute.base import Job
from bitwright.execute.weights import weights_file
from bitwright.quant.spec import ROLES, Method
from bitwright.records import Blueprint, Choice, Genome, Outcome, Pick
from bitwright.space.joint import JointSpace
from bitwright.study.folder import Folder
from bitwright.study.parts import Parts
from bitwright.study.reading import TAKEN_OVER
from bitwright.study.run import Run
from bitwright.study.settings import first_difference, probed_under
from bitwright.study.store import Store
from bitwright.targets.several import label_of, make_all

if TYPE_CHECKING:
    from bitwright.train.retaking import Retaker

TRAINED_UNDER = ("data", "task", "train", "distill")
REUSED = ("teacher.pt", "lesson.pt", "supernet.pt")  # each says itself what it is of


def retargeted(config: StudyConfig, targets: Sequence[str]) -> StudyConfig:
    """The same study for other targets, without the methods that these do not run."""
    if config.search.halving is not None:
        raise ConfigError(
            "search.halving trains candidates in stages, but only those that were trained whole "
            "are taken over; add --set search.halving=null"
        )
    data = config.model_dump(mode="json")
    one = len(targets) == 1
    data |= {"target": targets[0] if one else None, "targets": None if one else list(targets)}
    on = make_all(targets)
    if config.quantization.mode == "joint":
        for key, role in zip(("weights", "activations"), ROLES, strict=True):
            texts = data["quantization"][key]
            run = [text for text in texts if on.supports(Method.parse(text, role), role) is None]
            data["quantization"][key] = run or texts  # refused with the reason where none is left
    return StudyConfig.from_mapping(data)


def folder_for(source: Folder, targets: Sequence[str]) -> Folder:
    """Where a retargeted study lies unless somebody says otherwise: `runs/quick-npu-int8`."""
    names = (re.sub(r"[^\w.]+", "-", label_of(target)) for target in targets)
    return Folder(Path("runs") / "-".join((source.name, *names)))


def source_of(study: Path) -> Folder:
    """The folder of the study that STUDY means; ConfigError where none has been run there."""
    source = Folder.of(study)
    _settings(source)
    return source


def check_source(config: StudyConfig, source: Folder, store: Store) -> None:
    """Refuses, before anything runs, to take over what the study could not have trained itself."""
    if store.outcomes() and store.get(TAKEN_OVER) is None:
        raise ConfigError(
            "the study in the output folder has trials of its own, so it cannot begin with those "
            f"of '{source.path}'; name another folder with --out"
        )
    check_comparable(config, source)


def check_comparable(config: StudyConfig, source: Folder) -> None:
    """Refuses a source whose trials were trained under other settings than the study's."""
    old, new = (
        {key: value for key, value in one.model_dump(mode="json").items() if key in TRAINED_UNDER}
        for one in (_settings(source), config)
    )
    changed = first_difference(old, new)
    if changed is not None:
        key, was, now = changed
        raise ConfigError(
            f"the trials in '{source.path}' were trained with {key} = {was}, now it is {now}: they "
            f"would not compare with those to come; leave {key} as it was"
        )


def take_over(run: Run, space: JointSpace, source: Folder | None) -> int:
    """Records what can be taken over as the study's first trials; how many these are.

    Goes on where it was interrupted, for which the study's own document is enough.
    """
    if source is not None and run.store.get(TAKEN_OVER) is None:
        run.store.put(TAKEN_OVER, planned(run.parts, space, source))
    plan: dict[str, Any] | None = run.store.get(TAKEN_OVER)
    if plan is None:
        return 0
    run.watcher.taken_over(tuple(plan["told"]))
    numbers = plan["trials"]
    if len(run.store.outcomes()) < len(numbers):
        run.watcher.phase("retarget")
        _retake(run, space, Folder(Path(plan["study"])), numbers)
    return len(numbers)


def without_weights(run: Run, taken: int) -> frozenset[int]:
    """Those of the first `taken` trials whose weights nobody can start from."""
    folder = run.folder.path
    return frozenset(n for n in range(taken) if not weights_file(folder, n).exists())


def reuse(run: Run, source: Folder) -> None:
    """Copies what was made before the old study's search: teacher, supernet, sensitivity."""
    for name in REUSED:
        if (source.path / name).is_file() and not (run.folder.path / name).exists():
            shutil.copyfile(source.path / name, run.folder.path / name)
    if run.store.get("sensitivity") is None:
        with _opened(source) as store:
            if _same_sensitivity(run.parts, store):
                run.store.put("sensitivity", store.get("sensitivity"))
                run.store.put("sensitivity_seconds", 0.0)
                run.store.put("probed_under", probed_under(run.config))


def measured_already(found: Parts, source: Folder) -> bool:
    """Whether the source's sensitivity is the study's as well."""
    with _opened(source) as store:
        return _same_sensitivity(found, store)


def _same_sensitivity(found: Parts, store: Store) -> bool:
    """Accuracy and memory are lost alike on any target, if kinds and methods are the same."""
    if found.config.sensitivity.latency:
        return False
    under, now = store.get("probed_under"), probed_under(found.config)
    same_space = tuple(store.get("left_out") or ()) == found.left_out
    return under is not None and same_space and {**under, "target": now["target"]} == now


def planned(found: Parts, space: JointSpace, source: Folder) -> dict[str, Any]:
    """The trials to take over by their old numbers, and what to tell of the others."""
    with _opened(source) as store:
        outcomes = store.outcomes()
    refusals = {outcome.number: _refusal(found, space, outcome) for outcome in outcomes}
    taken = [number for number, reason in refusals.items() if reason is None]
    kept = sum((source.path / (o.model or "-")).is_file() for o in outcomes if o.number in taken)
    told = [
        f"{len(taken)} of {len(outcomes)} trials of '{source.path}' are taken over, "
        f"{kept} of them with their files"
    ]
    counts = Counter(reason for reason in refusals.values() if reason is not None)
    told += [f"not taken over: {count}, {reason}" for reason, count in counts.most_common()]
    return {"study": str(source.path.resolve()), "trials": taken, "told": told}


def _refusal(found: Parts, space: JointSpace, outcome: Outcome) -> str | None:
    """Why the trial cannot be taken over; None where it can."""
    if outcome.metric(ACCURACY) is None:
        return "never trained to an end"
    if outcome.fidelity < 1:
        return "trained in part"
    same = Blueprint(space.input_shape, space.classes, outcome.units, outcome.policy)
    refused = found.shop.refusal(same)
    if refused is not None:
        return refused
    try:
        genome_in(space, outcome)
    except InvalidGenome:
        return "no network of the new study's space"
    return None


def genome_in(space: JointSpace, outcome: Outcome) -> Genome:
    """The trial's network as a genome of another space; InvalidGenome where it is not in it."""
    known = dict(_decisions(outcome))

    def answer(choice: Choice) -> Pick:
        pick = known.get(choice.path)
        if pick not in choice.options or pick is None:
            raise InvalidGenome(f"'{choice.path}': {pick!r} is none of {list(choice.options)}")
        return pick

    genome = space.fill(answer)
    found = space.decode(genome)
    if (found.units, found.policy) != (outcome.units, outcome.policy):
        raise InvalidGenome(f"trial {outcome.number} would be another network in this space")
    return genome


def _decisions(outcome: Outcome) -> Iterator[tuple[str, Pick]]:
    """All that makes the network what it is, asked or not, by the path of its question."""
    depths: Counter[str] = Counter()
    for unit in outcome.units:
        stage, slash, index = unit.path.partition("/")
        depths[stage] += 1
        yield f"{unit.path}/kind", unit.kind
        for name, value in unit.params:
            of_stage = name == "width" or (name == "stride" and index == "0")
            yield f"{stage if of_stage and slash else unit.path}/{name}", value
    for stage, depth in depths.items():
        yield f"{stage}/depth", depth
    for site, method in outcome.policy:
        yield f"{site.unit}/{site.role}", str(method)
    yield from outcome.genome.picks  # of an identity unit's width, say, only these tell


def _retake(run: Run, space: JointSpace, source: Folder, numbers: Sequence[int]) -> None:
    """Measures and records the trials of these old numbers, save those that are recorded."""
    with _opened(source) as store:
        outcomes = store.outcomes()
    retaker, batch = _retaker(run, space, source), run.parts.controller(space).batch
    declared = {choice.path: choice.options for choice in space.declared()}
    renumbered = {old: new for new, old in enumerate(numbers)}
    for old in numbers[len(run.store.outcomes()) :]:
        run.pause_if_asked()
        number, before = renumbered[old], outcomes[old]
        job = Job(number, number // batch, genome_in(space, before), before.seed)
        weights = weights_file(source.path, old)
        if run.parts.leaves and weights.is_file():
            shutil.copyfile(weights, weights_file(run.folder.path, number))
        relative = None if before.relative is None else renumbered.get(before.relative)
        outcome = dataclasses.replace(retaker(job, before), relative=relative)
        run.store.append(outcome, declared)
        run.watcher.progress(number + 1, len(renumbered), 0.0)


def _retaker(run: Run, space: JointSpace, source: Folder) -> "Retaker":
    from bitwright.train.retaking import Retaker

    names = _settings(source).processors
    bench = run.parts.bench(space, run.folder.path)
    return Retaker(bench, source.name, source.path, make_all(names), ", ".join(names))


def _settings(source: Folder) -> StudyConfig:
    if not source.settings.exists():
        raise ConfigError(
            f"there is no study in '{source.path}' whose trials could be taken over; run "
            "'bitwright search' first, or name the folder of one"
        )
    return StudyConfig.read(source.settings)


@contextmanager
def _opened(source: Folder) -> Iterator[Store]:
    storage = _settings(source).storage
    store = Store.open_existing(source.url(storage), None if storage is None else source.name)
    try:
        yield store
    finally:
        store.close()
