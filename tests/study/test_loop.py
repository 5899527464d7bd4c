"""The loop alone, on a toy space whose reward costs nothing: order, resume and stop rules."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitwright.config import SearchConfig
from bitwright.control.base import make
from bitwright.control.random import RandomController, RandomSettings
from bitwright.execute.base import Evaluator, Executor, Job
from bitwright.execute.inline import InlineExecutor
from bitwright.execute.place import Place
from bitwright.records import Genome, Outcome
from bitwright.study.interrupts import Paused
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

    def evaluate(self, job: Job, place: Place) -> Outcome:
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


def loop(
    store: Store,
    evaluator: Evaluator,
    *,
    spent: float = 0.0,
    lookahead: int = 0,
    **settings: Any,
) -> Loop:
    search = SearchConfig.model_validate(
        {"controller": "evolution", "iterations": 5, **settings, "options": {"batch": 3}}
    )
    controller = make(search.controller, SPACE, {"batch": 3}, seed=search.seed)
    executor = InlineExecutor(evaluator, Watcher())
    return Loop(search, controller, store, executor, DECLARED, Watcher(), spent, lookahead)


def lasting(store: Store) -> list[Outcome]:
    """The outcomes without what no seed repeats."""
    return [dataclasses.replace(outcome, seconds=()) for outcome in store.outcomes()]


def test_every_iteration_is_a_batch_and_every_outcome_is_stored(store: Store) -> None:
    assert loop(store, Toy()).run() == "iterations"
    outcomes = store.outcomes()
    assert [outcome.number for outcome in outcomes] == list(range(15))
    assert [outcome.iteration for outcome in outcomes] == [n // 3 for n in range(15)]
    assert len({outcome.seed for outcome in outcomes}) == 15


def test_with_a_common_seed_all_candidates_have_that_of_the_first(store: Store) -> None:
    loop(store, Toy(), common_seed=True, iterations=2).run()
    loop(store, Toy(), common_seed=True).run()
    outcomes = store.outcomes()
    assert len(outcomes) == 15
    assert len({outcome.seed for outcome in outcomes}) == 1
    assert len({outcome.genome for outcome in outcomes}) > 1, "proposals draw as ever"


@pytest.mark.parametrize(
    ("controller", "stop_at", "lookahead"),
    [
        ("random", 7, 0),
        ("evolution", 0, 0),
        ("evolution", 3, 1),
        ("evolution", 7, 2),
        ("evolution", 14, 0),
        ("recurrent", 7, 1),
    ],
)
def test_wherever_it_was_stopped_it_ends_the_same(
    controller: str, stop_at: int, lookahead: int, store: Store, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"controller": controller, "lookahead": lookahead}
    with pytest.raises(KeyboardInterrupt):
        loop(store, Toy(stop_at), **settings).run()
    assert len(store.outcomes()) == stop_at
    rest = Toy()
    loop(store, rest, **settings).run()
    assert rest.evaluated == list(range(stop_at, 15))
    whole = Store.open(f"sqlite:///{tmp_path}/whole.db", "toy")
    loop(whole, Toy(), **settings).run()
    assert lasting(store) == lasting(whole)
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


class Slow(RandomController):
    """Thinks for a while."""

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        time.sleep(0.01)
        return super().propose(number, rng)


def test_thinking_counts_as_work(store: Store) -> None:
    """What a screen or a controller takes to choose a candidate stands in the trial's seconds."""
    slow = loop(store, Toy())
    slow.controller = Slow(SPACE, RandomSettings(batch=3))
    slow.run()
    for outcome in store.outcomes():
        assert [part for part, _ in outcome.seconds] == ["propose", "train"]
        assert dict(outcome.seconds)["propose"] >= 0.01
    assert slow.spent >= 15 * 6.01


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

    def wait(self) -> Outcome | None:
        return self._evaluator.evaluate(self._jobs.pop(), Place()) if self._jobs else None

    def hold(self) -> None:
        """What was submitted is at work."""

    def close(self) -> None:
        """Nothing runs."""


def test_outcomes_are_stored_before_they_are_learned(store: Store) -> None:
    controller = Careful(SPACE, RandomSettings(batch=3))
    controller.store = store
    settings = SearchConfig(controller="random", iterations=3)
    executor = InlineExecutor(Toy(), Watcher())
    assert Loop(settings, controller, store, executor, DECLARED, Watcher()).run() == "iterations"
    assert len(controller.snapshot()["seen"]) == 9


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_outcomes_may_complete_in_any_order(lookahead: int, store: Store, tmp_path: Path) -> None:
    loop(store, Toy(), lookahead=lookahead).run()
    other = Store.open(f"sqlite:///{tmp_path}/backwards.db", "toy")
    backwards = loop(other, Toy(), lookahead=lookahead)
    backwards.executor = Backwards(Toy())
    backwards.run()
    assert lasting(store) == lasting(other)
    other.close()


class Recalling(RandomController):
    """Writes down how many iterations it had learned when it proposed each trial."""

    def __init__(self, space: Any, settings: RandomSettings) -> None:
        super().__init__(space, settings)
        self.learned = 0
        self.knew: dict[int, int] = {}

    def propose(self, number: int, rng: np.random.Generator) -> Genome:
        self.knew[number] = self.learned
        return super().propose(number, rng)

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        super().learn(outcomes)
        self.learned += 1


@pytest.mark.parametrize("lookahead", [0, 1, 2, 9])
@pytest.mark.parametrize("where", [InlineExecutor, Backwards])
def test_an_iteration_is_proposed_so_many_iterations_early(
    where: Callable[..., Executor], lookahead: int, store: Store
) -> None:
    recalling = Recalling(SPACE, RandomSettings(batch=3))
    course = loop(store, Toy(), lookahead=lookahead)
    course.controller = recalling
    course.executor = where(Toy(), Watcher()) if where is InlineExecutor else where(Toy())
    course.run()
    assert recalling.knew == {n: max(0, n // 3 - lookahead) for n in range(15)}


def test_with_iterations_in_flight_the_search_ends_exactly_where_it_does_without(
    store: Store, tmp_path: Path
) -> None:
    """What was begun beyond the end is neither recorded nor learned."""
    for name, rule in {
        "converged": {"convergence": {"window": 4, "threshold": 5.0}},
        "time": {"minutes": 1},
        "iterations": {"iterations": 4},
    }.items():
        ahead = Store.open(f"sqlite:///{tmp_path}/{name}.db", "toy")
        course = loop(ahead, Toy(), lookahead=2, **{"iterations": 50, **rule})
        course.executor = Backwards(Toy())
        assert course.run() == name
        assert len(ahead.outcomes()) == 12
        ahead.close()


def test_a_limit_of_iterations_is_not_proposed_beyond(store: Store) -> None:
    evaluator = Toy()
    course = loop(store, evaluator, lookahead=3, iterations=2)
    course.executor = Backwards(evaluator)
    course.run()
    assert sorted(evaluator.evaluated) == list(range(6))


@pytest.mark.parametrize("stop_at", [0, 2, 6, 7])
def test_a_pause_lets_what_runs_come_to_its_end(stop_at: int, store: Store, tmp_path: Path) -> None:
    course = loop(store, Toy(), lookahead=1)
    course.pause_asked = lambda: len(store.outcomes()) >= stop_at
    with pytest.raises(Paused):
        course.run()
    assert len(store.outcomes()) == stop_at
    loop(store, Toy(), lookahead=1).run()
    whole = Store.open(f"sqlite:///{tmp_path}/whole.db", "toy")
    loop(whole, Toy(), lookahead=1).run()
    assert lasting(store) == lasting(whole)
    whole.close()


def test_proposals_depend_on_the_trial_and_the_seed_alone(store: Store, tmp_path: Path) -> None:
    loop(store, Toy(), seed=1, controller="random", iterations=1).run()
    controller = make("random", SPACE, {"batch": 3}, seed=99)
    from bitwright.seeds import generator

    genomes = [outcome.genome for outcome in store.outcomes()]
    again = [controller.propose(number, generator(1, number, "propose")) for number in (2, 0, 1)]
    assert again == [genomes[2], genomes[0], genomes[1]]
    assert all(isinstance(genome, Genome) for genome in again)
    assert np.isfinite([outcome.reward for outcome in store.outcomes()]).all()
