"""What a controller is, what it asks of a search space, and how one is made by name."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np

from bitwright.control.settings import nearest
from bitwright.errors import ConfigError, SpaceError
from bitwright.metrics import METRICS
from bitwright.records import Blueprint, Choice, Estimate, Genome, Outcome, Pick
from bitwright.registry import Registry, subclass_of

Snapshot = dict[str, Any]  # JSON values only


class Space(Protocol):
    """All that a controller may know of a search space.

    A genome is built one decision at a time; which decision comes next, and its options, may
    depend on every pick before it.
    """

    @property
    def space_id(self) -> str:
        """Names the space: genomes of one space mean nothing in another."""
        ...

    def next_choice(self, genome: Genome) -> Choice | None:
        """The decision to take after these picks; None when the genome is complete."""
        ...

    def decode(self, genome: Genome) -> Blueprint:
        """The network a complete genome names; InvalidGenome says why it names none."""
        ...

    def declared(self) -> tuple[Choice, ...]:
        """Every decision that can occur, in order, each with all options it can ever have."""
        ...


class Controller(ABC):
    """Proposes candidates and learns from what became of them.

    The lifecycle law: `propose` is a pure function of the controller's state, the trial's number
    and the generator it is given; state changes in `learn` alone, which is called once per
    finished iteration with all of its outcomes in the order of their numbers, after they were
    stored. So the state is a fold over the stored outcomes: a fresh controller that learns them
    again, iteration by iteration, is bit for bit the one that was lost, and a `restore`d one goes
    on exactly as the one that gave the `snapshot`. Infeasible and failed outcomes are learned from
    like all others; their reward is negative. One thread at a time may use a controller.
    """

    batch: int  # candidates per iteration

    @property
    def needs(self) -> frozenset[str]:
        """The metrics that it reads from outcomes, so that each is measured; none by default."""
        return frozenset()

    @property
    def objectives(self) -> tuple[str, ...]:
        """The metrics that it strives for instead of the reward; none by default."""
        return ()

    def estimate(self, genome: Genome) -> Estimate | None:
        """What it guesses of a genome by what it has learned; None where it does not guess."""
        return None

    @classmethod
    @abstractmethod
    def make(
        cls, space: Space, options: Mapping[str, Any], *, seed: int, initial_reward: float = 0.0
    ) -> Self:
        """A controller that has learned nothing. ConfigError for an option it does not know.

        `seed` serves the initial state only; `initial_reward` is what the first iteration sees
        (M1.2).
        """

    @abstractmethod
    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        """A genome that decodes; one not evaluated before, where a few tries find such a one."""

    @abstractmethod
    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Takes in one iteration's outcomes."""

    def ranked(
        self, outcomes: Sequence[Outcome], above: Sequence[Outcome] = ()
    ) -> Sequence[Outcome]:
        """Complete outcomes of equally long training, the best first: by reward, if not told else.

        It tells which candidates go on where a study trains them in stages (`search.halving`).
        `above` is what came of those that did (`Outcome.goes_on`), or had it all at once.
        """
        return sorted(outcomes, key=lambda outcome: -outcome.reward)

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The whole state as JSON values."""

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None:
        """Puts back a state that a controller of the same space and options gave."""


class Standing(Controller):
    """Stands before another controller, and is as that one where it does not say otherwise."""

    def __init__(self, controller: Controller) -> None:
        self.batch = controller.batch
        self._controller = controller

    @property
    def needs(self) -> frozenset[str]:
        """What the controller behind it needs."""
        return self._controller.needs

    @property
    def objectives(self) -> tuple[str, ...]:
        """Those of the controller behind it."""
        return self._controller.objectives

    def estimate(self, genome: Genome) -> Estimate | None:
        """The guess of the controller behind it."""
        return self._controller.estimate(genome)

    def ranked(
        self, outcomes: Sequence[Outcome], above: Sequence[Outcome] = ()
    ) -> Sequence[Outcome]:
        """As the controller behind it says."""
        return self._controller.ranked(outcomes, above)


def make(
    name: str,
    space: Space,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int,
    initial_reward: float = 0.0,
    known: Collection[str] = METRICS,
) -> Controller:
    """The controller registered under `name`, ready for the first iteration.

    ConfigError where it needs metrics that are not known.
    """
    kind = CONTROLLERS.get(name)
    controller = kind.make(space, options or {}, seed=seed, initial_reward=initial_reward)
    for metric in sorted(controller.needs):
        if metric not in known:
            raise ConfigError(
                f"controller '{name}' needs the unknown metric '{metric}'; {nearest(metric, known)}"
            )
    return controller


def picks_to_json(genome: Genome) -> list[list[Pick]]:
    """The genome's picks as they stand in a snapshot; the space's id is left to the reader."""
    return [[path, pick] for path, pick in genome.picks]


def genome_from_json(space: Space, picks: Sequence[Sequence[Pick]]) -> Genome:
    """The genome that `picks_to_json` wrote, in this space."""
    return Genome(space.space_id, tuple((str(path), pick) for path, pick in picks))


def check_space(space: Space, *genomes: Genome) -> None:
    """SpaceError where a genome is not of this space."""
    for genome in genomes:
        if genome.space_id != space.space_id:
            raise SpaceError(
                f"a genome of space '{genome.space_id}' met space '{space.space_id}'; "
                "use a study's outcomes only with the space they were searched in"
            )


CONTROLLERS: Registry[type[Controller]] = Registry(
    "controller", group="bitwright.controllers", form=subclass_of(Controller)
)
CONTROLLERS.register("random", "bitwright.control.random:RandomController")
CONTROLLERS.register("evolution", "bitwright.control.evolution:EvolutionController")
CONTROLLERS.register("nsga", "bitwright.control.nsga:NsgaController")
CONTROLLERS.register("recurrent", "bitwright.control.recurrent:RecurrentController")
CONTROLLERS.register_family("optuna", "bitwright.control.optuna_sampler:controller")
