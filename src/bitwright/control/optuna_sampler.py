"""Any Optuna sampler as a controller: `optuna:tpe`, `optuna:GPSampler`, `optuna:my.module:Class`.

Optuna takes over a second to import: nothing imports this file but the making of such a controller.
"""

import copy
import dataclasses
import importlib.util
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, cast

import numpy as np
import optuna
from optuna import samplers
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from pydantic import Field

from bitwright.control.base import Controller, Snapshot, Space, genome_from_json, picks_to_json
from bitwright.control.operators import choices, draw, first_valid, fresh, mutate, walk
from bitwright.control.settings import Settings, nearest, read
from bitwright.errors import ConfigError, SpaceError
from bitwright.records import Choice, Genome, Outcome, Pick
from bitwright.registry import Form, Registry

STUDY = "search"
AGAIN = 8  # times that a sampler is asked anew for an option that is on offer here
NEEDS = {  # what Optuna loads only when such a sampler is asked for the first time
    "CmaEsSampler": ("cmaes",),
    "GPSampler": ("scipy", "torch"),
    "QMCSampler": ("scipy",),
}
WARNS = "warn_independent_sampling"  # which is the rule where decisions come and go


class OptunaSettings(Settings):
    """`batch`: candidates per iteration. `sampler`: arguments of the sampler's constructor."""

    batch: int = Field(4, ge=1)
    sampler: dict[str, Any] = Field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A decision as Optuna knows it: always with all the options it can ever have.

    Numbers are given by their place in rising order, so that a sampler sees which are close;
    texts are categories.
    """

    path: str
    options: tuple[Pick, ...]
    ordered: bool

    @classmethod
    def of(cls, declared: Choice) -> Self:
        """The question for a declared decision."""
        ordered = not any(isinstance(option, str) for option in declared.options)
        options = tuple(sorted(declared.options)) if ordered else declared.options
        return cls(declared.path, options, ordered)

    def value(self, pick: Pick) -> Pick:
        """The pick as Optuna's parameter holds it."""
        return self.options.index(pick) if self.ordered else pick

    def ask(self, trial: optuna.Trial) -> Pick:
        """The sampler's pick among all options."""
        if self.ordered:
            return self.options[trial.suggest_int(self.path, 0, len(self.options) - 1)]
        return cast(Pick, trial.suggest_categorical(self.path, self.options))


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What a sampler learns of one outcome."""

    number: int
    genome: Genome
    reward: float


class OptunaController(Controller):
    """Asks a sampler decision by decision and tells it the rewards.

    The state is an Optuna study in memory that holds what was told, iteration by iteration; it is
    rebuilt from that alone. A sampler draws random numbers and may write notes into the trial it
    is asked for, so each proposal comes from a sampler of its own, seeded from the generator that
    is given, on a branch of the study that is thrown away. When a trial is told, the sampler is
    asked once more, for those notes.

    Where fewer options are on offer than the decision is declared with and the sampler picks
    another one, the nearest number serves, or the sampler is asked again. Where it insists on
    candidates that were evaluated already, a neighbour of its last one is proposed.
    """

    kind: ClassVar[type[BaseSampler]]

    def __init__(self, space: Space, settings: OptunaSettings) -> None:
        self.batch = settings.batch
        self._space = space
        self._settings = settings
        self._questions = {choice.path: Question.of(choice) for choice in space.declared()}
        self._forget()
        self._sampler(0)  # arguments that it does not take are told now

    @classmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """Nothing of it depends on the seed or on the initial reward."""
        for package in NEEDS.get(cls.kind.__name__, ()):
            if importlib.util.find_spec(package) is None:
                raise ConfigError(
                    f"Optuna's {cls.kind.__name__} needs the package '{package}'; "
                    "install it with: pip install 'bitwright[samplers]'"
                )
        return cls(space, read(OptunaSettings, options, "search.options"))

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """What the sampler asks to evaluate next."""
        with _quiet():
            study = self._branch(self._sampler(int(rng.integers(2**32))))
            genome = fresh(
                lambda: first_valid(self._space, lambda: self._ask(study, rng)), self._seen
            )
        if genome in self._seen:
            return fresh(lambda: mutate(self._space, genome, rng), self._seen)
        return genome

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """All of an iteration were asked for before any was told."""
        self._fold([Told(each.number, each.genome, each.reward) for each in outcomes])

    def snapshot(self) -> Snapshot:
        """What was told; the study follows from it."""
        return {
            "told": [
                [[told.number, picks_to_json(told.genome), told.reward] for told in iteration]
                for iteration in self._told
            ]
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Forgets everything but the snapshot."""
        self._forget()
        for iteration in snapshot["told"]:
            self._fold(
                [
                    Told(number, genome_from_json(self._space, picks), reward)
                    for number, picks, reward in iteration
                ]
            )

    def _forget(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._told: list[list[Told]] = []
        self._seen: dict[Genome, None] = {}  # a set that keeps its order
        self._storage = InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage, study_name=STUDY, direction="maximize"
        )

    def _fold(self, iteration: list[Told]) -> None:
        with _quiet():
            self._study.sampler = self._sampler(iteration[0].number % 2**32)
            trials = [self._asked_for(told.genome) for told in iteration]
            for trial, told in zip(trials, iteration, strict=True):
                for choice in choices(self._space, told.genome):
                    self._question(choice).ask(trial)
                self._study.tell(trial, told.reward)
        self._told.append(iteration)
        self._seen.update((told.genome, None) for told in iteration)

    def _asked_for(self, genome: Genome) -> optuna.Trial:
        """A trial whose decisions are fixed to the genome's picks, with the sampler's notes."""
        known = {path: self._known(path).value(pick) for path, pick in genome.picks}
        self._study.enqueue_trial(known)
        trial = self._study.ask()
        _ = trial.relative_params  # sampled when first read: that is when notes are written
        return trial

    def _branch(self, sampler: BaseSampler) -> optuna.Study:
        """A copy of the study to ask in. Told trials never change, so both share them."""
        shared = {id(trial): trial for trial in self._study.get_trials(deepcopy=False)}
        storage = copy.deepcopy(self._storage, shared)
        return optuna.load_study(study_name=STUDY, storage=storage, sampler=sampler)

    def _ask(self, study: optuna.Study, rng: np.random.Generator) -> Genome:
        trial = study.ask()
        return walk(self._space, lambda choice: self._decide(study, trial, choice, rng))

    def _decide(
        self, study: optuna.Study, trial: optuna.Trial, choice: Choice, rng: np.random.Generator
    ) -> Pick:
        question = self._question(choice)
        pick = question.ask(trial)
        if pick in choice.options:
            return pick
        if question.ordered:
            place = question.options.index(pick)
            return min(choice.options, key=lambda one: abs(question.options.index(one) - place))
        categories = CategoricalDistribution(question.options)
        asked = study.get_trials(deepcopy=False)[-1]
        for _ in range(AGAIN):
            other = study.sampler.sample_independent(study, asked, choice.path, categories)
            if other in choice.options:
                return cast(Pick, other)
        return draw(choice, rng)

    def _question(self, choice: Choice) -> Question:
        question = self._known(choice.path)
        if not set(choice.options) <= set(question.options):
            raise SpaceError(
                f"the space offers {list(choice.options)} at '{choice.path}', which its declared() "
                "does not list; declare every path with all options it can ever have"
            )
        return question

    def _known(self, path: str) -> Question:
        if path not in self._questions:
            raise SpaceError(
                f"'{path}' is not among the space's declared() decisions; declare every path with "
                "all options it can ever have"
            )
        return self._questions[path]

    def _sampler(self, seed: int) -> BaseSampler:
        """A new sampler of this kind; ConfigError for arguments that it refuses."""
        takes = inspect.signature(self.kind).parameters
        for name in self._settings.sampler:
            if name not in takes:
                raise ConfigError(
                    f"unknown key '{name}' in [search.options.sampler]; {nearest(name, takes)}"
                )
        if "seed" not in takes:
            raise ConfigError(
                f"Optuna's {self.kind.__name__} takes no seed, so a study could not be repeated "
                "or gone on with; use another sampler"
            )
        quiet = {WARNS: False} if WARNS in takes and takes[WARNS].default is True else {}
        try:
            with _quiet():
                return self.kind(**{**quiet, **self._settings.sampler, "seed": seed})
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"[search.options.sampler] Optuna's {self.kind.__name__} refuses "
                f"{self._settings.sampler}: {error}"
            ) from error


def controller(name: str) -> type[Controller]:
    """The controller around the sampler of that name; ConfigError with the nearest name."""
    known = _samplers()
    short = short_name(name)
    kind = known.get(short if short in known else name)
    return type(f"Optuna{kind.__name__}", (OptunaController,), {"kind": kind})


def _samplers() -> Registry[type[BaseSampler]]:
    """Optuna's own samplers, by their short names."""
    form = Form(
        "a subclass of optuna's BaseSampler",
        lambda entry: isinstance(entry, type) and issubclass(entry, BaseSampler),
    )
    found: Registry[type[BaseSampler]] = Registry("Optuna sampler", form=form)
    for name in samplers.__all__:
        kind = getattr(samplers, name)
        if isinstance(kind, type) and not inspect.isabstract(kind):
            found.register(short_name(name), kind)
    return found


def short_name(name: str) -> str:
    """A sampler's name as it is compared: small letters and digits without "sampler" at its end.

    >>> short_name("CmaEsSampler"), short_name("cma-es")
    ('cmaes', 'cmaes')
    """
    return "".join(filter(str.isalnum, name)).lower().removesuffix("sampler")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's reminders that a sampler is experimental: its user chose it by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
