"""The contract of a controller as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_controller(check):
        check(lambda space, seed: MyController(space, seed))

Each check raises AssertionError with the law that was broken.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence

from bitwright.control.base import Controller, Snapshot, Space
from bitwright.control.reward import FAILED
from bitwright.records import Blueprint, Genome, Measurement, Outcome
from bitwright.seeds import generator
from bitwright.testing.toy_space import ToySpace, toy_metrics, toy_reward

Factory = Callable[[Space, int], Controller]
SEED = 5


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """What a search on the toy space left behind."""

    controller: Controller
    iterations: tuple[tuple[Outcome, ...], ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """All outcomes in order."""
        return tuple(outcome for iteration in self.iterations for outcome in iteration)


def search(
    controller: Controller,
    space: Space,
    numbers: range = range(24),
    *,
    seed: int = SEED,
    fail_every: int = 7,
) -> History:
    """Runs the controller on the toy reward for these trial numbers, filling up the last iteration.

    Every so many trials one fails, as trials do; 0 for none.
    """
    iterations: list[tuple[Outcome, ...]] = []
    for iteration, first in enumerate(numbers[:: controller.batch]):
        batch = []
        for number in range(first, first + controller.batch):
            genome = controller.propose(number, generator(seed, number, "propose"))
            if fail_every and (number + 1) % fail_every == 0:
                outcome = Outcome(number, iteration, genome, "failed", FAILED, reason="diverged")
            else:
                outcome = measured(number, iteration, genome, space.decode(genome))
            batch.append(outcome)
        controller.learn(batch)
        iterations.append(tuple(batch))
    return History(controller, tuple(iterations))


def measured(number: int, iteration: int, genome: Genome, blueprint: Blueprint) -> Outcome:
    """A complete outcome with the toy space's metrics and reward."""
    metrics = {name: Measurement(value) for name, value in toy_metrics(blueprint).items()}
    reward = toy_reward(blueprint)
    return Outcome(number, iteration, genome, "complete", reward, tuple(metrics.items()))


def proposals_are_valid(make: Factory) -> None:
    """Every proposal is a complete genome of the space that decodes."""
    space = ToySpace()
    for outcome in search(make(space, SEED), space).outcomes:
        assert outcome.genome.space_id == space.space_id, "a proposal is of another space"
        assert space.next_choice(outcome.genome) is None, "a proposal is not complete"
        space.decode(outcome.genome)


def same_seed_same_search(make: Factory) -> None:
    """Two controllers made alike propose alike, all the way."""
    space = ToySpace()
    first, second = (search(make(space, SEED), space) for _ in range(2))
    assert first.outcomes == second.outcomes, "one seed gave two searches"


def other_generator_other_proposals(make: Factory) -> None:
    """Randomness comes from the generator: other generators give other proposals."""
    space = ToySpace()
    searches = {search(make(space, SEED), space, range(8), seed=seed).outcomes for seed in range(3)}
    assert len(searches) == 3, "the proposals do not depend on the generator"


def propose_is_pure(make: Factory) -> None:
    """Proposing changes nothing: not the state, not later proposals."""
    space = ToySpace()
    controller = search(make(space, SEED), space).controller
    before = _text(controller.snapshot())
    genomes = [controller.propose(n, generator(SEED, n, "propose")) for n in (50, 51, 50)]
    assert genomes[0] == genomes[2], "the same number and generator gave two proposals"
    assert _text(controller.snapshot()) == before, "propose changed the state"


def snapshot_is_json(make: Factory) -> None:
    """A snapshot survives JSON, and a restored controller gives it back."""
    space = ToySpace()
    snapshot = search(make(space, SEED), space).controller.snapshot()
    other = make(space, SEED + 1)
    other.restore(json.loads(_text(snapshot)))
    assert _text(other.snapshot()) == _text(snapshot), "restore does not give back the snapshot"


def restored_goes_on_alike(make: Factory) -> None:
    """A restored controller goes on exactly as the one that was never interrupted."""
    space = ToySpace()
    whole = search(make(space, SEED), space).controller
    other = make(space, SEED + 1)
    other.restore(json.loads(_text(whole.snapshot())))
    _goes_on_alike(whole, other, space)


def state_is_a_fold(make: Factory) -> None:
    """Learning the stored outcomes again, iteration by iteration, gives the same state."""
    space = ToySpace()
    history = search(make(space, SEED), space)
    replayed = make(space, SEED)
    for iteration in history.iterations:
        replayed.learn(iteration)
    assert _text(replayed.snapshot()) == _text(history.controller.snapshot()), (
        "replaying the outcomes gives another state: something besides learn changed it"
    )
    _goes_on_alike(history.controller, replayed, space)


def evaluated_is_not_repeated(make: Factory) -> None:
    """In a space of many thousands, no later iteration proposes what was evaluated."""
    space = ToySpace()
    seen: set[Genome] = set()
    for iteration in search(make(space, SEED), space).iterations:
        genomes = {outcome.genome for outcome in iteration}
        assert not genomes & seen, "an evaluated genome was proposed again"
        seen |= genomes


def tiny_space_is_survived(make: Factory) -> None:
    """Where nothing new is left, an evaluated genome is proposed rather than none."""
    space = ToySpace(depth=1)  # 32 genomes
    outcomes = search(make(space, SEED), space, range(60)).outcomes
    assert len(outcomes) >= 60, "the search ended early"


def ranking_is_an_order(make: Factory) -> None:
    """Ranking outcomes loses none and changes nothing; the best of all stays the best."""
    space = ToySpace()
    history = search(make(space, SEED), space)
    before = _text(history.controller.snapshot())
    complete = [outcome for outcome in history.outcomes if outcome.state == "complete"]
    ranked = list(history.controller.ranked(complete))
    assert sorted(outcome.number for outcome in ranked) == [each.number for each in complete], (
        "ranking lost or doubled an outcome"
    )
    assert ranked == list(history.controller.ranked(complete)), "ranking twice gave two orders"
    assert _text(history.controller.snapshot()) == before, "ranking changed the state"
    assert list(history.controller.ranked([])) == [], "no outcomes have an order too"
    half = len(complete) // 2
    below, above = complete[:half], complete[half:]
    assert sorted(one.number for one in history.controller.ranked(below, above)) == [
        each.number for each in below
    ], "ranking below others lost or doubled an outcome"


CHECKS: Sequence[Callable[[Factory], None]] = (
    proposals_are_valid,
    same_seed_same_search,
    other_generator_other_proposals,
    propose_is_pure,
    snapshot_is_json,
    restored_goes_on_alike,
    state_is_a_fold,
    evaluated_is_not_repeated,
    tiny_space_is_survived,
    ranking_is_an_order,
)


def _goes_on_alike(first: Controller, second: Controller, space: Space) -> None:
    ends = [
        search(controller, space, range(24, 24 + 2 * controller.batch)).outcomes
        for controller in (first, second)
    ]
    assert ends[0] == ends[1], "two controllers of one state propose differently"


def _text(snapshot: Snapshot) -> str:
    return json.dumps(snapshot, sort_keys=True, allow_nan=False)
