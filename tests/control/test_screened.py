"""A controller behind a screen keeps the contract and the limits, and finds better candidates."""

import dataclasses
import statistics
from collections.abc import Mapping

import numpy as np
import pytest

from bitwright.control.base import make
from bitwright.control.features import Features
from bitwright.control.operators import sample
from bitwright.control.predictor import Predictor
from bitwright.control.reward import Reward, Term
from bitwright.control.screen import Screen
from bitwright.control.screened import Screened
from bitwright.errors import ConfigError, MeasurementError
from bitwright.records import Estimate, Genome, Measurement, Outcome
from bitwright.seeds import generator
from bitwright.testing.controllers import CHECKS, search
from bitwright.testing.toy_space import ToySpace, toy_metrics

TOY = Reward("linear", {"accuracy": Term(), "packed_bytes": Term(1.0, 1000)}, {})
CASES = {
    "random": ("random", {}),
    "evolution": ("evolution", {"population": 8, "tournament": 3}),
    "nsga": ("nsga", {"population": 8, "objectives": ["accuracy", "packed_bytes", "latency_ms"]}),
    "recurrent": ("recurrent", {"hidden": 8, "exploration": 4}),
    "optuna:nsgaii": ("optuna:nsgaii", {"sampler": {"population_size": 6}}),
}


class Knowing(Screen):
    """Knows what it is told of the toy space from the start."""

    def __init__(self, space, *, says="estimates"):
        self.space, self.says = space, says

    @classmethod
    def make(cls, bench):
        return cls(bench.space)

    def learn(self, outcomes):
        pass

    def _accuracy(self, genome):
        return toy_metrics(self.space.decode(genome))["accuracy"]

    def estimates(self, genomes):
        if self.says != "estimates":
            return None
        return [Estimate(self._accuracy(genome), 0.0) for genome in genomes]

    def scores(self, genomes):
        if self.says != "scores":
            return None
        return [1000 * self._accuracy(genome) for genome in genomes]


def features(space):
    def costs(genome):
        return {"packed_bytes": toy_metrics(space.decode(genome))["packed_bytes"]}

    return Features(space, costs)


def screened(controller, space, screen=None, *, reward=TOY, pool=8, ahead=0):
    known = features(space)
    new = (lambda: Predictor(known)) if screen is None else (lambda: screen)
    return Screened(controller, new, features=known, reward=reward, pool=pool, ahead=ahead)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(case, check):
    name, options = CASES[case]
    check(lambda space, seed: screened(make(name, space, options, seed=seed), space, pool=2))


def test_it_cannot_be_named_as_a_controller():
    with pytest.raises(ConfigError, match=r"name it under search\.screen"):
        make("bitwright.control.screened:Screened", ToySpace(), seed=0)


def alone(space):
    """Random search whose iterations have one candidate, which has the whole pool."""
    return make("random", space, {"batch": 1}, seed=0)


def pool_of(controller, number, seed, size):
    """What the controller proposes for a place in the pool, as the screen draws it."""
    rng = generator(seed, number, "propose")
    seeds = [int(rng.integers(2**63)) for _ in range(size)]
    return [controller.propose(number, np.random.default_rng(one)) for one in seeds]


def test_the_best_of_the_pool_is_handed_on():
    space = ToySpace()
    controller = alone(space)
    tested = screened(controller, space, Knowing(space))
    for number in range(10):
        pool = pool_of(controller, number, 3, 8)
        worth = [TOY.score(toy_metrics(space.decode(genome))) for genome in pool]
        chosen = tested.propose(number, generator(3, number, "propose"))
        assert chosen == pool[int(np.argmax(worth))]


def test_what_is_uncertain_gets_its_chance():
    """With accuracies guessed alike, the one network that little is known of is looked at."""
    space = ToySpace()
    controller = alone(space)
    pool = pool_of(controller, 0, 3, 8)
    unknown = min(pool, key=lambda genome: toy_metrics(space.decode(genome))["accuracy"])

    class Unsure(Knowing):
        def estimates(self, genomes):
            return [Estimate(0.5, 0.1 if genome == unknown else 0.0) for genome in genomes]

    reward = Reward("linear", {"accuracy": Term()}, {})
    tested = screened(controller, space, Unsure(space), reward=reward)
    assert tested.propose(0, generator(3, 0, "propose")) == unknown


def test_the_proposals_of_an_iteration_are_different():
    """Of one state and from the same few candidates, they could not know of each other."""
    space = ToySpace()
    tested = screened(make("random", space, seed=0), space, Knowing(space), pool=200)
    for first in range(0, 40, 4):
        numbers = range(first, first + 4)
        assert len({tested.propose(n, generator(0, 0, "same")) for n in numbers}) == 4


def test_proposals_ahead_of_what_is_still_at_work_are_others():
    space = ToySpace()
    tested = screened(make("random", space, seed=0), space, Knowing(space), pool=400, ahead=1)
    for first in range(0, 40, 4):
        overlapping = range(first, first + 8)
        assert len({tested.propose(n, generator(0, 0, "same")) for n in overlapping}) == 8


def test_a_screen_that_knows_nothing_lets_the_first_proposal_pass():
    space = ToySpace()
    controller = alone(space)
    tested = screened(controller, space, Knowing(space, says="nothing"))
    genome = tested.propose(0, generator(3, 0, "propose"))
    assert genome == pool_of(controller, 0, 3, 8)[0]
    assert tested.estimate(genome) is None


def test_scores_alone_choose_what_no_other_beats():
    space = ToySpace()
    controller = alone(space)
    tested = screened(controller, space, Knowing(space, says="scores"), pool=16)
    for number in range(10):
        pool = [toy_metrics(space.decode(one)) for one in pool_of(controller, number, 3, 16)]
        found = toy_metrics(space.decode(tested.propose(number, generator(3, number, "propose"))))
        for other in pool:
            better = other["accuracy"] > found["accuracy"]
            assert not (better and other["packed_bytes"] < found["packed_bytes"])


@pytest.mark.parametrize("says", ["estimates", "scores", "nothing"])
def test_no_limit_on_an_exact_cost_is_ever_broken(says):
    """Of 200 random networks some 20 keep to this one."""
    limit = 20.0
    space = ToySpace()
    sizes = [
        features(space).costs(sample(space, generator(0, n, "random")))["packed_bytes"]
        for n in range(200)
    ]
    assert 10 < sum(size <= limit for size in sizes) < 60
    reward = Reward("linear", {"accuracy": Term()}, {"packed_bytes": limit})
    tested = screened(
        make("random", space, seed=0), space, Knowing(space, says=says), reward=reward
    )
    for outcome in search(tested, space, range(40)).outcomes:
        assert features(space).costs(outcome.genome)["packed_bytes"] <= limit


def test_where_every_candidate_breaks_a_limit_the_nearest_to_it_passes():
    space = ToySpace()
    reward = Reward("linear", {"accuracy": Term()}, {"packed_bytes": 1e-3})
    controller = alone(space)
    tested = screened(controller, space, Knowing(space), reward=reward, pool=2)
    drawn = pool_of(controller, 0, 3, 20)
    costs = features(space).costs
    chosen = tested.propose(0, generator(3, 0, "propose"))
    assert costs(chosen)["packed_bytes"] == min(costs(one)["packed_bytes"] for one in drawn)


def test_a_limit_on_accuracy_is_looked_at_in_the_guess():
    space = ToySpace()
    reward = Reward("linear", {"accuracy": Term(), "packed_bytes": Term(9.0, 1)}, {"accuracy": 0.5})
    tested = screened(make("random", space, seed=0), space, Knowing(space), reward=reward, pool=16)
    for outcome in search(tested, space, range(20), fail_every=0).outcomes:
        assert (outcome.metric("accuracy") or 0.0) >= 0.5


def test_latency_is_learned():
    """The reward is latency almost alone: among the last proposals it is lower than at random."""
    space = ToySpace()
    reward = Reward("linear", {"accuracy": Term(1e-6), "latency_ms": Term()}, {})

    def late(tested):
        outcomes = search(tested, space, range(60)).outcomes[32:]
        return statistics.mean(one.metric("latency_ms") or 9.0 for one in outcomes if one.metrics)

    plain = make("random", space, seed=0)
    assert late(screened(plain, space, reward=reward, pool=32)) < 0.6 * late(
        make("random", space, seed=0)
    )


def test_a_metric_that_nobody_measured_yet_sets_none_apart():
    space = ToySpace()
    reward = Reward("linear", {"accuracy": Term(), "latency_ms": Term()}, {"latency_ms": 1.0})
    controller = alone(space)
    tested = screened(controller, space, Knowing(space), reward=reward)
    pool = pool_of(controller, 0, 3, 8)
    accurate = max(pool, key=lambda genome: toy_metrics(space.decode(genome))["accuracy"])
    assert tested.propose(0, generator(3, 0, "propose")) == accurate


SEEDS, TRIALS = range(5), 40
# Means over the five seeds of the best of all: random 0.860, behind the screen 0.881; evolution
# 0.870 and 0.911. The margin is about half of the smaller distance.
MARGIN = 0.01


@pytest.mark.parametrize("name", ["random", "evolution"])
def test_a_predictor_finds_better_candidates_in_as_many_evaluations(name):
    space = ToySpace()

    def best(wrap):
        found = []
        for seed in SEEDS:
            controller = wrap(make(name, space, seed=seed))
            outcomes = search(controller, space, range(TRIALS), seed=seed, fail_every=0).outcomes
            found.append(max(outcome.reward for outcome in outcomes))
        return statistics.mean(found)

    assert best(lambda plain: screened(plain, space, pool=8)) > best(lambda plain: plain) + MARGIN


def test_several_goals_are_looked_at_together():
    """What is handed on is beaten by no candidate of the pool or of the record."""
    space = ToySpace()
    options = {"objectives": ["accuracy", "packed_bytes"], "population": 4}
    tested = screened(make("nsga", space, options, seed=0), space, Knowing(space), pool=8)
    assert tested.objectives == ("accuracy", "packed_bytes")
    outcomes = search(tested, space, range(24), fail_every=0).outcomes
    plain = search(make("nsga", space, options, seed=0), space, range(24), fail_every=0).outcomes

    def front(found):
        points = [(o.metric("accuracy"), o.metric("packed_bytes")) for o in found]
        return sum(not any(a > x and b < y for a, b in points) for x, y in points)

    assert front(outcomes) > front(plain)


@pytest.mark.parametrize("says", ["estimates", "scores"])
def test_what_the_target_foretells_counts_from_the_first_candidate_on(says):
    """Among networks alike in all that is known, the one that is foretold to be fast is taken."""
    space = ToySpace()
    controller = alone(space)
    pool = pool_of(controller, 0, 3, 8)
    fast = pool[5]

    class Alike(Knowing):
        def _accuracy(self, genome):
            return 0.5

    reward = Reward("linear", {"accuracy": Term(), "latency_ms": Term(1.0, 1.0)}, {})
    asked = []

    def foretold(genome):
        asked.append(genome)
        return {"latency_ms": 0.5 if genome == fast else 1.0}

    tested = Screened(
        controller,
        lambda: Alike(space, says=says),
        features=Features(space, lambda genome: {}),
        reward=reward,
        pool=8,
        foretold=foretold,
    )
    assert tested.propose(0, generator(3, 0, "propose")) == fast
    tested.propose(0, generator(3, 0, "propose"))
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("says", ["estimates", "scores"])
def test_what_the_target_cannot_tell_of_is_handed_on_only_where_there_is_nothing_else(says):
    space = ToySpace()
    controller = alone(space)
    pool = pool_of(controller, 0, 3, 8)

    def proposed(told):
        def foretold(genome):
            if genome not in told:
                raise MeasurementError("too large")
            return {"latency_ms": 1.0}

        tested = Screened(
            controller,
            lambda: Knowing(space, says=says),
            features=Features(space, lambda genome: {}),
            reward=Reward("linear", {"accuracy": Term(), "latency_ms": Term(1.0, 1.0)}, {}),
            pool=8,
            foretold=foretold,
        )
        guessed = [tested.estimate(genome) is not None for genome in pool]
        assert guessed == [says == "estimates" and genome in told for genome in pool]
        return tested.propose(0, generator(3, 0, "propose"))

    assert {proposed([genome]) for genome in pool} == set(pool)
    assert proposed([]) in pool


@dataclasses.dataclass
class Bench:
    """What a predictor is made from."""

    space: ToySpace
    latency: Mapping[Genome, float]

    def costs(self, genome):
        return {"packed_bytes": 100.0}

    def foretold(self, genome):
        return {"latency_ms": self.latency[genome]} if self.latency else {}


def test_accuracy_is_learned_from_what_is_foretold_too():
    """Here nothing else tells it."""
    space, rng = ToySpace(), np.random.default_rng(0)
    genomes = list(dict.fromkeys(pool_of(alone(space), 0, 3, 60)))
    latency = {genome: float(rng.uniform(1, 10)) for genome in genomes}
    outcomes = [
        Outcome(
            number,
            number,
            genome,
            "complete",
            latency[genome] / 10,
            metrics=(("accuracy", Measurement(latency[genome] / 10)),),
        )
        for number, genome in enumerate(genomes)
    ]

    def wrong(told):
        predictor = Predictor.make(Bench(space, told))
        predictor.learn(outcomes[:40])
        guessed = [one.accuracy for one in predictor.estimates(genomes[40:])]
        return np.abs(np.array(guessed) - [latency[one] / 10 for one in genomes[40:]]).mean()

    assert wrong(latency) < 0.5 * wrong({})
