"""One run of a study from data to report; it goes on where the run before it stopped.

The phases have a file each: `filtering`, `searching`, `finishing`. What they work with is made in
`parts`.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError, StoreError, TargetError
from bitwright.report import html
from bitwright.study import parts
from bitwright.study.filtering import filtered, judged
from bitwright.study.finishing import finish
from bitwright.study.folder import STUDY_SUFFIXES, Folder
from bitwright.study.growing import grow
from bitwright.study.pruning import prune
from bitwright.study.reading import read, unfiltered
from bitwright.study.retargeting import check_source, reuse, take_over
from bitwright.study.run import Run
from bitwright.study.searching import search as run_search
from bitwright.study.settings import check_unchanged
from bitwright.study.snapshot import snapshot
from bitwright.study.store import Store
from bitwright.study.teaching import check_teacher, taught_candidates
from bitwright.study.view import SensitivityRow, StoppedBy, StudyView
from bitwright.study.watch import Watcher


def run(
    config: StudyConfig,
    out: Path,
    watcher: Watcher | None = None,
    *,
    source: Folder | None = None,
) -> StudyView:
    """Runs the study to its end, or on from where its folder stands; returns all that came of it.

    It begins with what the study in `source` has trained, where one is named (`retargeting`).
    KeyboardInterrupt leaves a study that the next run goes on with.
    """
    with _opened(config, out) as (folder, store):
        if source is not None:
            check_source(config, source, store)
        found = _prepared(config, folder, store, watcher or Watcher())
        if source is not None:
            reuse(found, source)
        return _carry_out(found, source)


def search(
    study: StudyConfig | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    watcher: Watcher | None = None,
) -> StudyView:
    """Runs a study given as a value, a mapping of its keys, a study file or an output folder.

    `out` defaults to `runs/<name of the file>`, or `runs/study` where there is no file.
    """
    if isinstance(study, Path | str):
        config, folder = StudyConfig.read(Folder.study_file(study)), Folder.of(study).path
    else:
        config = study if isinstance(study, StudyConfig) else StudyConfig.from_mapping(study)
        folder = Path("runs") / "study"
    return run(config, Path(out) if out is not None else folder, watcher)


def sensitivity(
    config: StudyConfig, out: Path, watcher: Watcher | None = None
) -> tuple[SensitivityRow, ...]:
    """The sensitivity of a study's space: measured once, then read from the study's store."""
    with _opened(config, out) as (folder, store):
        run = _prepared(config, folder, store, watcher or Watcher())
        rows = judged(taught_candidates(run).run).rows
        return rows if config.sensitivity.enabled else unfiltered(rows)


def view(study: Path | str) -> StudyView:
    """A stored study as it stands; `study` is its file or its folder."""
    folder = Folder.of(study)
    path = Path(study)
    written = folder.settings  # as it ran, with what --set changed
    if not written.exists() and path.suffix in STUDY_SUFFIXES:
        written = path
    storage = StudyConfig.read(written).storage if written.exists() else None
    found = _looked_at(folder, storage)
    if found.state == "running" and not folder.in_use():  # it was killed
        return dataclasses.replace(found, state="interrupted")
    return dataclasses.replace(found, at_work=folder.at_work())


def _looked_at(folder: Folder, storage: str | None) -> StudyView:
    looked = snapshot(folder.database) if storage is None else None
    if looked is not None:
        return read(looked, folder.name)
    store = Store.open_existing(folder.url(storage), None if storage is None else folder.name)
    try:
        return read(store, folder.name)
    finally:
        store.close()


@contextlib.contextmanager
def _opened(config: StudyConfig, out: Path) -> Iterator[tuple[Folder, Store]]:
    """The study's folder and store, for this program alone; of a refused one nothing stays."""
    folder = Folder(out)
    folder.make()
    with folder.locked(), folder.clear_errors():
        store = _store(config, folder)
        try:
            yield folder, store
        finally:
            refused = _refused(store)
            if refused:
                store.forget()
            store.close()
            if refused:
                folder.unmake()


def _store(config: StudyConfig, folder: Folder) -> Store:
    """The folder's own study, whatever the folder was called when it began; or a new one."""
    url = folder.url(config.storage)
    if config.storage is None and folder.database.exists():
        with contextlib.suppress(StoreError):  # of a start that was cut short; told below if not
            return Store.open_existing(url)
    return Store.open(url, folder.name)


def _refused(store: Store) -> bool:
    """Whether a study has never got past `_prepared`, which stores its settings."""
    with contextlib.suppress(StoreError):
        return store.get("settings") is None
    return False


def _prepared(config: StudyConfig, folder: Folder, store: Store, watcher: Watcher) -> Run:
    """What can be refused is refused here, before anything is recorded."""
    check_unchanged(store, config, str(folder.path))
    parts.check(config)
    missing = parts.target_of(config).missing()
    if missing is not None:
        raise TargetError(missing)
    watcher.phase("data", config.data.name)
    found = parts.assemble(config, folder.name)
    found.controller(found.space)
    _check_target(found.shop.target.fingerprint, config, store, folder)
    made = Run(config, found, folder, store, watcher)
    check_teacher(made)
    store.put("settings", config.to_yaml())
    folder.settings.write_text(config.to_yaml(), encoding="utf-8")
    store.put("environment", parts.environment(found.shop, config.workers))
    store.put("target", found.shop.target.fingerprint)
    return made


def _check_target(fingerprint: str, config: StudyConfig, store: Store, folder: Folder) -> None:
    """ConfigError where what was measured was measured on what is another target now."""
    begun = bool(store.outcomes()) or store.get("sensitivity") is not None
    if begun and fingerprint != (store.get("target") or ""):
        raise ConfigError(
            f"the study in '{folder.path}' was begun for another target than "
            f"'{', '.join(config.processors)}' is "
            "now; put the old description back, or use another folder with --out"
        )


def _carry_out(run: Run, source: Folder | None) -> StudyView:
    """Every phase in turn; however it ends, the store says so."""
    stopped: StoppedBy | None = None
    _set_state(run, "running")
    try:
        taught = taught_candidates(run)
        narrowed = filtered(taught.run)
        spent = taught.seconds + narrowed.seconds + grow(taught.run, narrowed.space)
        taken = take_over(taught.run, narrowed.space, source)
        stopped = run_search(taught.run, narrowed.space, spent, taken)
        _set_state(run, "running", stopped)
        prune(run.store.outcomes(), run.folder)
        finish(run, narrowed.space)
        _set_state(run, "finished", stopped)
    except KeyboardInterrupt:
        _set_state(run, "interrupted", "user")
        raise
    except BaseException:
        with contextlib.suppress(StoreError):  # which may be the trouble itself
            _set_state(run, "interrupted", stopped)
        raise
    run.watcher.phase("report")
    found = read(run.store, run.folder.name)
    html.write(found, run.folder.report)
    return found


def _set_state(run: Run, state: str, stopped_by: StoppedBy | None = None) -> None:
    run.store.put("state", {"state": state, "stopped_by": stopped_by})
