"""One run of a study from data to report; it goes on where the run before it stopped."""

import contextlib
import dataclasses
import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitwright._version import __version__
from bitwright.config import QuantizationConfig, StudyConfig
from bitwright.control.base import CONTROLLERS, Controller, make
from bitwright.control.converge import winner
from bitwright.control.reward import Reward
from bitwright.errors import ConfigError, StoreError, TargetError
from bitwright.execute.inline import InlineExecutor
from bitwright.quant.spec import ROLES, Method, Role
from bitwright.records import Genome
from bitwright.report import html
from bitwright.seeds import derive
from bitwright.space.baseline import baseline
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.study.documents import entry_to_json, rows_from_json, rows_to_json
from bitwright.study.folder import STUDY_SUFFIXES, Folder
from bitwright.study.loop import Loop
from bitwright.study.pruning import Pruning, prune
from bitwright.study.reading import read, removed_lines, unfiltered
from bitwright.study.settings import check_unchanged, probed_under
from bitwright.study.store import Store
from bitwright.study.view import Entry, SensitivityRow, StoppedBy, StudyView
from bitwright.study.watch import Plan, Watcher
from bitwright.targets.base import TARGETS, Target

if TYPE_CHECKING:
    from bitwright.quant.narrowing import Removed
    from bitwright.train.candidate import Shop
    from bitwright.train.final import Finisher


def run(config: StudyConfig, out: Path, watcher: Watcher | None = None) -> StudyView:
    """Runs the study to its end, or on from where its folder stands; returns all that came of it.

    KeyboardInterrupt leaves a study that the next run goes on with.
    """
    with _opened(config, out) as (folder, store):
        return _Session(config, folder, store, watcher or Watcher()).run()


def search(
    study: StudyConfig | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    watcher: Watcher | None = None,
) -> StudyView:
    """Runs a study given as a value, a mapping of its keys, or a study file.

    `out` defaults to `runs/<name of the file>`, or `runs/study` where there is no file.
    """
    if isinstance(study, Path | str):
        config, folder = StudyConfig.read(study), Folder.of(study).path
    else:
        config = study if isinstance(study, StudyConfig) else StudyConfig.from_mapping(study)
        folder = Path("runs") / "study"
    return run(config, Path(out) if out is not None else folder, watcher)


def sensitivity(
    config: StudyConfig, out: Path, watcher: Watcher | None = None
) -> tuple[SensitivityRow, ...]:
    """The sensitivity of a study's space: measured once, then read from the study's store."""
    with _opened(config, out) as (folder, store):
        return _Session(config, folder, store, watcher or Watcher()).sensitivity()


def declared_space(config: StudyConfig) -> JointSpace:
    """The space as the study declares it, before any filter."""
    from bitwright.tasks.data.load import load

    data = load(config.data.name)
    return JointSpace(
        stages_of(config.space),
        _methods(config.quantization),
        input_shape=tuple(data.train.images.shape[1:]),
        classes=len(data.classes),
    )


def view(study: Path | str) -> StudyView:
    """A stored study as it stands; `study` is its file or its folder."""
    folder = Folder.of(study)
    path = Path(study)
    written = path if path.suffix in STUDY_SUFFIXES and path.exists() else folder.settings
    storage = StudyConfig.read(written).storage if written.exists() else None
    store = Store.open_existing(folder.url(storage), None if storage is None else folder.name)
    try:
        found = read(store, folder.name)
    finally:
        store.close()
    if found.state == "running" and not folder.in_use():  # it was killed
        return dataclasses.replace(found, state="interrupted")
    return found


@contextlib.contextmanager
def _opened(config: StudyConfig, out: Path) -> Iterator[tuple[Folder, Store]]:
    """The study's folder and store, for this program alone."""
    folder = Folder(out)
    folder.make()
    with folder.locked(), folder.clear_errors():
        store = _store(config, folder)
        try:
            yield folder, store
        finally:
            store.close()


def _store(config: StudyConfig, folder: Folder) -> Store:
    """The folder's own study, whatever the folder was called when it began; or a new one."""
    url = folder.url(config.storage)
    if config.storage is None and folder.database.exists():
        with contextlib.suppress(StoreError):  # of a start that was cut short; told below if not
            return Store.open_existing(url)
    return Store.open(url, folder.name)


@dataclasses.dataclass(slots=True)
class _Session:
    """The parts of one run; `spent` counts seconds against the study's time limit."""

    config: StudyConfig
    folder: Folder
    store: Store
    watcher: Watcher
    spent: float = 0.0

    def run(self) -> StudyView:
        shop, space, reward = self._prepare()
        stopped: StoppedBy | None = None
        self._set_state("running")
        try:
            space = self._narrowed(shop, space)
            stopped = self._search(shop, space, reward)
            self._set_state("running", stopped)
            prune(self.store, self.folder)
            self._finish(shop, space, reward)
            self._set_state("finished", stopped)
        except KeyboardInterrupt:
            self._set_state("interrupted", "user")
            raise
        except BaseException:
            with contextlib.suppress(StoreError):  # which may be the trouble itself
                self._set_state("interrupted", stopped)
            raise
        self.watcher.phase("report")
        found = read(self.store, self.folder.name)
        html.write(found, self.folder.report)
        return found

    def sensitivity(self) -> tuple[SensitivityRow, ...]:
        """Only this part of the study."""
        shop, space, _ = self._prepare()
        rows, _ = self._judged(shop, space)
        return rows if self.config.sensitivity.enabled else unfiltered(rows)

    def _prepare(self) -> tuple["Shop", JointSpace, Reward]:
        """The study's parts. What can be refused is refused here, before anything is recorded."""
        check_unchanged(self.store, self.config, str(self.folder.path))
        target = _target(self.config)
        reward = Reward(
            self.config.reward.transform, self.config.reward.metrics, self.config.limits
        )
        CONTROLLERS.get(self.config.search.controller)
        self.watcher.phase("data", self.config.data.name)
        shop = self._shop(target)
        space = self._joint(shop, _methods(self.config.quantization))
        self._controller(space)
        self.store.put("settings", self.config.to_yaml())
        self.folder.settings.write_text(self.config.to_yaml(), encoding="utf-8")
        self.store.put("environment", _environment(shop))
        return shop, space, reward

    def _set_state(self, state: str, stopped_by: StoppedBy | None = None) -> None:
        self.store.put("state", {"state": state, "stopped_by": stopped_by})

    def _shop(self, target: Target) -> "Shop":
        import torch

        from bitwright.quant import fused
        from bitwright.quant.fake import use_fused
        from bitwright.tasks.data.load import load
        from bitwright.tasks.image_classification import ImageTask
        from bitwright.train.candidate import Shop

        if self.config.train.fused == "on" and not fused.available():
            raise ConfigError("train.fused is 'on', but no C compiler was found; use 'auto'")
        use_fused(self.config.train.fused != "off")
        if self.config.threads is not None:
            torch.set_num_threads(self.config.threads)
        device = _device(self.config.device)
        data = load(self.config.data.name)
        task = ImageTask(data, self.config.data, seed=self.config.search.seed, device=device)
        return Shop(self.folder.name, task, target, torch.get_num_threads())

    def _narrowed(self, shop: "Shop", whole: JointSpace) -> JointSpace:
        """The space without what sensitivity filters out (M4.3)."""
        if not self.config.sensitivity.enabled:
            return whole
        rows, removed = self._judged(shop, whole)
        self.watcher.sensitivity(rows, removed_lines(rows))
        return self._joint(shop, dataclasses.replace(whole.methods, removed=removed))

    def _judged(
        self, shop: "Shop", whole: JointSpace
    ) -> "tuple[tuple[SensitivityRow, ...], Removed]":
        """Every method of the space with its loss, and what the filters take out."""
        from bitwright.quant.narrowing import removals

        fixed = self.config.quantization.mode == "fixed"
        rows, removed = removals(self._sensitivity(shop, whole), whole.stages, fixed=fixed)
        self.store.put("sensitivity", rows_to_json(rows))
        return rows, removed

    def _sensitivity(self, shop: "Shop", space: JointSpace) -> tuple[SensitivityRow, ...]:
        """Measured once; judged anew each time, since the filters may have changed."""
        from bitwright.quant.sensitivity import judge_again
        from bitwright.train.sensitivity import fixed_policy, measure

        under = probed_under(self.config)
        stored = self.store.get("sensitivity")
        if stored is not None and self.store.get("probed_under") == under:
            self.spent = self.store.get("sensitivity_seconds") or 0.0
            policy = fixed_policy(self.config.quantization)
            return judge_again(rows_from_json(stored), self.config.sensitivity, policy=policy)
        self.watcher.phase("sensitivity")
        start = time.monotonic()
        rows = measure(
            shop, space, self.config, lambda done, total: self.watcher.progress(done, total, 0.0)
        )
        self.spent = time.monotonic() - start
        self.store.put("sensitivity_seconds", self.spent)
        self.store.put("probed_under", under)
        return rows

    def _joint(self, shop: "Shop", methods: MethodSpace) -> JointSpace:
        return JointSpace(
            stages_of(self.config.space),
            methods,
            input_shape=shop.task.input_shape,
            classes=shop.task.classes,
        )

    def _controller(self, space: JointSpace) -> Controller:
        settings = self.config.search
        return make(
            settings.controller,
            space,
            settings.options,
            seed=derive(settings.seed, 0, "controller"),
            initial_reward=self.config.reward.initial,
        )

    def _search(self, shop: "Shop", space: JointSpace, reward: Reward) -> StoppedBy:
        from bitwright.train.candidate import CandidateEvaluator

        settings = self.config.search
        controller = self._controller(space)
        size = space.size()
        self.store.put(
            "space",
            {"id": space.space_id, "structures": size.structures, "networks": size.networks},
        )
        plan = Plan(
            self.folder.name,
            settings.iterations,
            controller.batch,
            settings.minutes,
            size.structures,
            size.networks,
        )
        self.watcher.planned(plan, self.store.outcomes())
        self.watcher.phase("search")
        evaluator = CandidateEvaluator(
            shop,
            space,
            reward,
            self.config.train,
            self.folder.path,
            started=self.watcher.trial_started,
            watch=lambda p: self.watcher.progress(p.done, p.total, p.loss),
        )
        declared = {choice.path: choice.options for choice in space.declared()}
        watcher = Pruning(self.watcher, self.store, self.folder)
        executor = InlineExecutor(evaluator)
        loop = Loop(settings, controller, self.store, executor, declared, watcher, self.spent)
        stopped = loop.run()
        self.watcher.search_done(stopped)
        return stopped

    def _finish(self, shop: "Shop", space: JointSpace, reward: Reward) -> None:
        """Retrains, exports and proves the winner and the baseline, unless that is done."""
        from bitwright.train.final import Finisher

        chosen = winner(self.store.outcomes(), self.config.search.result)
        finisher = Finisher(
            shop,
            self.config.final,
            self.folder.path,
            derive(self.config.search.seed, 0, "final"),
            lambda p: self.watcher.progress(p.done, p.total, p.loss),
        )
        final = self.store.get("final")
        if final is None or final["trial"] != chosen.number:
            self.watcher.phase("final", f"trial {chosen.number}")
            blueprint = space.decode(chosen.genome)
            entry = finisher.finish("winner", blueprint, chosen.genome, self.folder.model)
            value = reward.score({name: getattr(entry, name) for name in reward.needs})
            entry = dataclasses.replace(entry, trial=chosen.number, reward=value)
            self.store.put("final", entry_to_json(entry))
        if self.config.baseline and self.store.get("baseline") is None:
            self.watcher.phase("baseline")
            self.store.put("baseline", entry_to_json(self._baseline(finisher, shop)))

    def _baseline(self, finisher: "Finisher", shop: "Shop") -> Entry:
        weight, activation = Method.parse("lsq:8"), Method.parse("lsq:8", "activation")
        blueprint = baseline(shop.task.input_shape, shop.task.classes, weight, activation)
        genome = Genome("baseline")
        return finisher.finish("8-bit baseline", blueprint, genome, self.folder.baseline)


def _methods(quantization: QuantizationConfig) -> MethodSpace:
    """The methods that units may take, before any filter."""
    first_last = quantization.first_last
    pinned: tuple[tuple[Role, Method], ...] = ()
    if first_last is not None:
        pinned = (
            ("weight", Method.parse(first_last.weights, "weight")),
            ("activation", Method.parse(first_last.activations, "activation")),
        )
    return MethodSpace(quantization.methods("weight"), quantization.methods("activation"), pinned)


def _target(config: StudyConfig) -> Target:
    """The study's target; TargetError for a method that its processor does not run."""
    kind = TARGETS.get(config.target)
    if not (isinstance(kind, type) and issubclass(kind, Target)):
        raise ConfigError(f"target '{config.target}' is {kind!r}; name a subclass of Target")
    target = kind()
    quantization = config.quantization
    for role in ROLES:
        methods = dict.fromkeys(quantization.methods(role))
        if quantization.first_last is not None:
            pinned = quantization.first_last
            methods[Method.parse(pinned.weights if role == "weight" else pinned.activations)] = None
        for method in methods:
            reason = target.supports(method, role)
            if reason:
                raise TargetError(
                    f"[quantization] {role} method '{method}' is not for target "
                    f"'{config.target}': {reason}"
                )
    return target


def _device(name: str) -> Any:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda': no CUDA device is available; use 'auto' or 'cpu'")
    chosen = "cuda" if name == "auto" and torch.cuda.is_available() else name
    return torch.device("cpu" if chosen == "auto" else chosen)


def _environment(shop: "Shop") -> dict[str, str]:
    """What the study runs on: stands in the report, beside every number."""
    import onnxruntime
    import torch

    from bitwright.processor import name

    return {
        "bitwright": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "processor": name(),
        "cores": str(os.cpu_count()),
        "threads": str(shop.threads),
        "device": str(shop.task.device),
        "system": platform.platform(),
        "data": f"{shop.task.data.name}, {shop.task.data.origin}",
        "images": f"{len(shop.task.train)} to train on, {len(shop.task.held)} held out, "
        f"{len(shop.task.data.test.labels)} to test on",
    }
