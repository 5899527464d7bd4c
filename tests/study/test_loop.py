"""The loop alone, on a toy space whose reward costs nothing: order, resume and stop rules."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitwright.config import SearchConfig
from bitwright.control.base import make
from bitwright.control.random import RandomController, RandomSettings
from bitwright.execute.base import Evaluator, Executor, Job
from bitwright.execute.inline import InlineExecutor
from bitwright.records import Genome, Outcome
from bitwright.study.loop import Loop
from bitwright.study.store import Store
from bitwright.study.watch import Watcher
from bitwright.testing.toy_space import ToySpace, toy_reward

SPACE = ToySpace(depth=3)
DECLARED = {choice.path: choice.options for choice in SPACE.declared()}


class Toy(Evaluator):
    """The toy reward; it can be interrupted at a trial."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.evaluated: list[int] = []
        self._stop_at = stop_at

    def evaluate(self, job: Job) -> Outcome:
        if job.number == self._stop_at:
            raise KeyboardInterrupt
        self.evaluated.append(job.number)
        reward = toy_reward(SPACE.decode(job.genome))
        return Outcome(
            job.number,
            job.iteration,
            job.genome,
            "complete",
            reward,
            seed=job.seed,
            seconds=(("train", 6.0),),
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/study.db", "toy")
    yield opened
    opened.close()


def loop(store: Store, evaluator: Evaluator, *, spent: float = 0.0, **settings: Any) -> Loop:
    search = SearchConfig.model_validate(
        {"controller": "evolution", "iterations": 5, **settings, "options": {"batch": 3}}
    )
    controller = make(search.controller, SPACE, {"batch": 3}, seed=search.seed)
    executor = InlineExecutor(evaluator)
    return Loop(search, controller, store, executor, DECLARED, Watcher(), spent)


def test_every_iteration_is_a_batch_and_every_outcome_is_stored(store: Store) -> None:
    assert loop(store, Toy()).run() == "iterations"
    outcomes = store.outcomes()
    assert [outcome.number for outcome in outcomes] == list(range(15))
    assert [outcome.iteration for outcome in outcomes] == [n // 3 for n in range(15)]
    assert len({outcome.seed for outcome in outcomes}) == 15


@pytest.mark.parametrize(
    ("controller", "stop_at"),
    [("random", 7), ("evolution", 0), ("evolution", 3), ("evolution", 14), ("recurrent", 7)],
)
def test_wherever_it_was_stopped_it_ends_the_same(
    controller: str, stop_at: int, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        loop(store, Toy(stop_at), controller=controller).run()
    assert len(store.outcomes()) == stop_at
    rest = Toy()
    loop(store, rest, controller=controller).run()
    assert rest.evaluated == list(range(stop_at, 15))
    whole = Store.open(f"sqlite:///{tmp_path}/whole.db", "toy")
    loop(whole, Toy(), controller=controller).run()
    assert store.outcomes() == whole.outcomes()
    whole.close()


def test_a_finished_loop_has_nothing_to_do(store: Store) -> None:
    loop(store, Toy()).run()
    again = Toy()
    assert loop(store, again).run() == "iterations"
    assert again.evaluated == []
    assert loop(store, again, iterations=6).run() == "iterations"
    assert again.evaluated == [15, 16, 17]


def test_it_ends_when_the_reward_has_converged(store: Store) -> None:
    settings = {"iterations": 50, "convergence": {"window": 4, "threshold": 5.0}}
    assert loop(store, Toy(), **settings).run() == "converged"
    assert len(store.outcomes()) == 12


@pytest.mark.parametrize(("spent", "iterations"), [(0.0, 4), (19.0, 3), (1e6, 1)])
def test_it_ends_when_the_time_is_over(spent: float, iterations: int, store: Store) -> None:
    """An iteration counts 18 seconds; the one that passes the minute is the last."""
    evaluator = Toy()
    assert loop(store, evaluator, spent=spent, iterations=50, minutes=1).run() == "time"
    assert len(evaluator.evaluated) == 3 * iterations


class Careful(RandomController):
    """Fails on an outcome that is not in the store yet."""

    store: Store

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        assert set(outcomes) <= set(self.store.outcomes())
        super().learn(outcomes)


class Backwards(Executor):
    """Hands outcomes back in another order than the jobs came, as a cluster does."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def completions(self) -> Iterator[Outcome]:
        while self._jobs:
            yield self._evaluator.evaluate(self._jobs.pop())


def test_outcomes_are_stored_before_they_are_learned(store: Store) -> None:
    controller = Careful(SPACE, RandomSettings(batch=3))
    controller.store = store
    settings = SearchConfig(controller="random", iterations=3)
    executor = InlineExecutor(Toy())
    assert Loop(settings, controller, store, executor, DECLARED, Watcher()).run() == "iterations"
    assert len(controller.snapshot()["seen"]) == 9


def test_outcomes_may_complete_in_any_order(store: Store, tmp_path: Path) -> None:
    settings = SearchConfig(controller="evolution", iterations=3)
    controller = make("evolution", SPACE, {"batch": 3}, seed=0)
    Loop(settings, controller, store, Backwards(Toy()), DECLARED, Watcher()).run()
    inline = Store.open(f"sqlite:///{tmp_path}/inline.db", "toy")
    controller = make("evolution", SPACE, {"batch": 3}, seed=0)
    Loop(settings, controller, inline, InlineExecutor(Toy()), DECLARED, Watcher()).run()
    assert store.outcomes() == inline.outcomes()
    inline.close()


def test_proposals_depend_on_the_trial_and_the_seed_alone(store: Store, tmp_path: Path) -> None:
    loop(store, Toy(), seed=1, controller="random", iterations=1).run()
    controller = make("random", SPACE, {"batch": 3}, seed=99)
    from bitwright.seeds import generator

    genomes = [outcome.genome for outcome in store.outcomes()]
    again = [controller.propose(number, generator(1, number, "propose")) for number in (2, 0, 1)]
    assert again == [genomes[2], genomes[0], genomes[1]]
    assert all(isinstance(genome, Genome) for genome in again)
    assert np.isfinite([outcome.reward for outcome in store.outcomes()]).all()
