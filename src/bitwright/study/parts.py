"""What a study is made of, apart from how it runs: all of it follows from its settings.

Here, and in the phases that train, the brain meets the body: what computes is imported when it is
needed.
"""

import dataclasses
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitwright._version import __version__
from bitwright.config import QuantizationConfig, StudyConfig, TrainConfig
from bitwright.control.base import CONTROLLERS, Controller
from bitwright.control.base import make as make_controller
from bitwright.control.features import Costs, Features
from bitwright.control.fitting import Fitting
from bitwright.control.halving import Halving, Rungs
from bitwright.control.reward import Reward
from bitwright.control.screen import SCREENS
from bitwright.control.screened import Screened
from bitwright.errors import ConfigError, TargetError
from bitwright.execute.base import EVALUATORS, Evaluator, Executor, Listener, Workbench
from bitwright.execute.inline import InlineExecutor
from bitwright.execute.processes import ProcessExecutor
from bitwright.execute.weights import KEPT
from bitwright.metrics import METRICS, OF_NETWORKS, ON
from bitwright.quant.spec import ROLES, Method, Role
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.runnable import Runnable, runnable
from bitwright.space.templates import stages_of
from bitwright.study.settings import lookahead
from bitwright.targets.base import TARGETS, Target
from bitwright.targets.several import make_all, metrics_of

if TYPE_CHECKING:
    from bitwright.quant.narrowing import Removed
    from bitwright.records import Blueprint
    from bitwright.tasks.base import Task
    from bitwright.train.nursery import Nursery
    from bitwright.train.recipe import Recipe
    from bitwright.train.shop import Shop


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A study's parts in one process."""

    config: StudyConfig
    shop: "Shop"
    reward: Reward
    runnable: Runnable

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the target has no layers for, with the reasons: of the space, and the baseline."""
        blueprint = self._baseline
        reason = None if blueprint is None else self.shop.refusal(blueprint)
        told = () if reason is None else (f"8-bit baseline: {reason}",)
        return (*self.runnable.left_out, *told)

    @property
    def space(self) -> JointSpace:
        """The space that the target runs, before any filter."""
        return self.runnable.space

    @property
    def baseline(self) -> "Blueprint | None":
        """The hand-made network to compare with, where the study wants one that the target runs."""
        blueprint = self._baseline
        return None if blueprint is None or self.shop.refusal(blueprint) else blueprint

    @property
    def _baseline(self) -> "Blueprint | None":
        if not self.config.baseline:
            return None
        return self.shop.task.baseline(*(Method.parse("lsq:8", role) for role in ROLES))

    def narrowed(self, removed: "Removed") -> JointSpace:
        """The space without the methods that sensitivity filters out."""
        methods = dataclasses.replace(self.space.methods, removed=removed)
        space = self.space
        return JointSpace(
            space.stages, methods, input_shape=space.input_shape, classes=space.classes
        )

    def controller(self, space: JointSpace) -> Controller:
        """The study's controller, which has learned nothing yet."""
        settings = self.config.search
        controller = make_controller(
            settings.controller,
            space,
            settings.options,
            seed=derive(settings.seed, 0, "controller"),
            initial_reward=self.config.reward.initial,
            known=_known_metrics(self.config),
        )
        _check_given(self.config, controller.needs, "search")
        return controller

    def proposer(self, space: JointSpace, folder: Path) -> Controller:
        """The study's controller, its proposals fitted and screened where the study says so."""
        search = self.config.search
        if search.screen is None and not search.fit:
            return self.controller(space)
        bench = self.bench(space, folder)
        features = Features(space, bench.costs)
        controller = self.fitting(space, features.costs) if search.fit else self.controller(space)
        settings = search.screen
        if settings is None:
            return controller
        kind = SCREENS.get(settings.by)
        return Screened(
            controller,
            lambda: kind.make(bench),
            features=features,
            reward=self.reward,
            pool=settings.pool,
            foretold=bench.foretold,
            ahead=lookahead(self.config),
        )

    def fitting(self, space: JointSpace, costs: Costs) -> Fitting:
        """The study's controller, its proposals fitted to the limits by these costs."""
        return Fitting(self.controller(space), space, costs=costs, reward=self.reward)

    def halving(self, controller: Controller) -> Halving | None:
        """Who decides which candidates are trained on, where they are trained in stages."""
        rungs = self.rungs
        if rungs is None:
            return None
        return Halving(
            rungs,
            controller.ranked,
            batch=controller.batch,
            lookahead=lookahead(self.config),
            window=KEPT,
        )

    @property
    def rungs(self) -> Rungs | None:
        """The stages that candidates are trained in; None where they are trained in one go."""
        halving = self.config.search.halving
        return None if halving is None else Rungs(halving.eta, halving.rungs)

    def executor(self, space: JointSpace, folder: Path, listener: Listener) -> Executor:
        """Where candidates of that space are evaluated: in this process, or in workers."""
        from bitwright.train.recipe import REDUCERS

        minutes, workers = self.config.search.trial_minutes, self.config.workers
        limit_s = None if minutes is None else 60 * minutes
        if workers == 1:
            return InlineExecutor(self.evaluator(space, folder), listener, limit_s=limit_s)
        return ProcessExecutor(
            self._recipe(space, folder),
            listener,
            workers=workers,
            limit_s=limit_s,
            reducers=REDUCERS,
        )

    @property
    def inherits(self) -> bool:
        """Whether candidates are to name a relative, whose weights they start from."""
        return self._evaluator_declares("inherits")

    @property
    def leaves(self) -> bool:
        """Whether trials leave their weights for those to come."""
        return self._evaluator_declares("leaves")

    @property
    def supernet(self) -> bool:
        """Whether a supernet is trained before the search."""
        settings = self.config.search
        users: list[object] = [EVALUATORS.get(settings.evaluator)]
        if settings.screen is not None:
            users.append(SCREENS.get(settings.screen.by))
        return any(_declares(user, "supernet") for user in users)

    @property
    def cuts(self) -> bool:
        """Whether candidates are cut out of it."""
        return self._evaluator_declares("supernet")

    def _evaluator_declares(self, trait: str) -> bool:
        return _declares(EVALUATORS.get(self.config.search.evaluator), trait)

    def nursery(self, space: JointSpace, folder: Path) -> "Nursery":
        """Where the supernet of that space is raised."""
        from bitwright.train.nursery import Nursery

        return Nursery.of(self.bench(space, folder))

    @property
    def budget(self) -> TrainConfig:
        """What a candidate is trained with from fresh weights.

        In stages, the first ends under the policy as well, unless it has it all at once.
        """
        train, rungs = self.config.train, self.rungs
        if rungs is None or self.leaves:
            return train
        begins = train.full_precision * rungs.fidelities[0]
        return train.model_copy(update={"full_precision": begins})

    def evaluator(self, space: JointSpace, folder: Path) -> Evaluator:
        """The study's evaluator for candidates of that space, with one worker's threads."""
        return self._recipe(space, folder)()

    def _recipe(self, space: JointSpace, folder: Path) -> "Recipe":
        from bitwright.train.recipe import Recipe

        return Recipe(
            self.config.search.evaluator,
            self.bench(space, folder),
            threads=self.config.threads or max(1, self.shop.threads // self.config.workers),
            fused=self.config.train.fused != "off",
        )

    def bench(self, space: JointSpace, folder: Path) -> Workbench:
        """What an evaluator of candidates of that space works with."""
        needs = self.controller(space).needs
        return Workbench(
            *(self.shop, space, self.reward, self.budget, folder, needs),
            tuning=self.config.search.tuning,
            supernet=self.config.supernet,
            seed=self.config.search.seed,
        )


def _declares(kind: object, trait: str) -> bool:
    """Whether a class says so of itself; a function that makes evaluators says nothing."""
    return bool(getattr(kind, trait, False))


def check(config: StudyConfig) -> None:
    """Refuses what can be refused before any data is loaded."""
    target_of(config)
    reward_of(config)
    CONTROLLERS.get(config.search.controller)
    if config.search.screen is not None:
        SCREENS.get(config.search.screen.by)
    if config.search.fit and not config.limits:
        raise ConfigError(
            "search.fit brings candidates within the study's limits, but there are none; add one "
            "on what is known before training, such as limits: {packed_bytes: 10000}, or leave out "
            "search.fit"
        )
    if config.search.halving is not None and config.train.patience is not None:
        raise ConfigError(
            f"train.patience = {config.train.patience} ends a training before its stage does, so "
            "that it could not go on; leave out train.patience or search.halving"
        )
    if config.search.evaluator in ("inherited", "shared") and not config.search.tuning:
        raise ConfigError(
            f"search.tuning is 0, but a candidate of evaluator '{config.search.evaluator}' is to "
            "learn what the weights that it starts from know nothing of; take 0.1, or evaluator "
            "'supernet'"
        )


def assemble(config: StudyConfig, name: str) -> Parts:
    """The parts of the study of that name; loads its data."""
    _check_evaluator(config)  # refused before the data is loaded
    shop = _shop(config, name)
    return Parts(config, shop, reward_of(config), _runnable(config, shop.task))


def _check_evaluator(config: StudyConfig) -> None:
    name = config.search.evaluator
    kind = EVALUATORS.get(name)
    if config.search.halving is None:
        return
    if not _declares(kind, "pauses"):
        raise ConfigError(
            f"search.halving trains candidates in stages, which evaluator '{name}' does not do; "
            "take evaluator 'scratch', or leave out search.halving"
        )
    if _declares(kind, "supernet") and not config.search.tuning:
        raise ConfigError(
            "search.tuning is 0, so that search.halving has no training to part into stages; take "
            "tuning: 1, or leave out search.halving"
        )


def declared_space(config: StudyConfig) -> Runnable:
    """The space that the study declares, without what its target has no layers for.

    Loads its data, but no torch.
    """
    return _runnable(config, _task(config))


def _runnable(config: StudyConfig, task: "Task") -> Runnable:
    declared = JointSpace(
        stages_of(config.space),
        methods_of(config.quantization),
        input_shape=task.data.input.shape,
        classes=task.data.outputs,
    )
    return runnable(declared, target_of(config).lacks)


def _task(config: StudyConfig) -> "Task":
    from bitwright.tasks.base import make

    return make(config)


def reward_of(config: StudyConfig) -> Reward:
    """What the study strives for."""
    reward = Reward(
        config.reward.transform, config.reward.metrics, config.limits, _known_metrics(config)
    )
    _check_given(config, config.reward.metrics, "reward.metrics")
    _check_given(config, config.limits, "limits")
    return reward


def _known_metrics(config: StudyConfig) -> frozenset[str]:
    """The names of all metrics that there are, those of the study's target included."""
    return frozenset((*METRICS, *metrics_of(config.processors)))


def _check_given(config: StudyConfig, asked: Iterable[str], place: str) -> None:
    """ConfigError for a metric that the study's target does not give."""
    given = metrics_of(config.processors)
    for name in sorted(set(asked).difference(OF_NETWORKS, given)):
        one = next((metric for metric in given if metric.startswith(f"{name}{ON}")), None)
        if one is not None:
            raise ConfigError(
                f"[{place}] '{name}' is another on each of the study's targets; say which one's it "
                f"is to be: '{one}'"
            )
        givers = [one for one in TARGETS if name in _metrics_of(one)]
        raise ConfigError(
            f"[{place}] '{name}' is not measured on target '{_named(config)}', which gives "
            f"{', '.join(given)}; '{name}' is measured on: {', '.join(givers) or 'no known target'}"
        )


def _named(config: StudyConfig) -> str:
    return ", ".join(config.processors)


def _metrics_of(target: str) -> tuple[str, ...]:
    """What a known target gives; nothing where it cannot be loaded: nobody asked for it."""
    try:
        return TARGETS.get(target).metrics
    except ConfigError:
        return ()


def methods_of(quantization: QuantizationConfig) -> MethodSpace:
    """The methods that units may take, before any filter."""
    first_last = quantization.first_last
    pinned: tuple[tuple[Role, Method], ...] = ()
    if first_last is not None:
        pinned = (
            ("weight", Method.parse(first_last.weights, "weight")),
            ("activation", Method.parse(first_last.activations, "activation")),
        )
    return MethodSpace(quantization.methods("weight"), quantization.methods("activation"), pinned)


def target_of(config: StudyConfig) -> Target:
    """The study's target; TargetError for a method that its processor does not run."""
    target = make_all(config.processors)
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
                    f"'{_named(config)}': {reason}"
                )
    return target


def _shop(config: StudyConfig, name: str) -> "Shop":
    import torch

    from bitwright.quant import fused
    from bitwright.quant.fake import use_fused
    from bitwright.train.compiled import bound_kernels
    from bitwright.train.shop import Shop

    bound_kernels(stages_of(config.space))
    if config.train.fused == "on" and not fused.available():
        raise ConfigError("train.fused is 'on', but no C compiler was found; use 'auto'")
    use_fused(config.train.fused != "off")
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    return Shop.open(
        name,
        _task(config),
        target_of(config),
        device=_device(config.device),
        threads=torch.get_num_threads(),
    )


def _device(name: str) -> Any:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda': no CUDA device is available; use 'auto' or 'cpu'")
    chosen = "cuda" if name == "auto" and torch.cuda.is_available() else name
    return torch.device("cpu" if chosen == "auto" else chosen)


def environment(shop: "Shop", workers: int) -> dict[str, str]:
    """What the study runs on: stands in the report, beside every number."""
    import onnxruntime
    import torch

    from bitwright.processor import name

    data = shop.task.data
    return {
        "bitwright": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "processor": name(),
        "cores": str(os.cpu_count()),
        "threads": str(shop.threads),
        "workers": str(workers),
        "device": str(shop.device),
        "system": platform.platform(),
        "data": f"{data.name}, {data.origin}",
        shop.task.samples_are: f"{len(data.train)} to train on, {len(data.held)} held out, "
        f"{len(data.test)} to test on",
    }
