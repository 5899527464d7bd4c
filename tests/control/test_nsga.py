"""NSGA-II: what it keeps, what it asks to be measured, and what it finds."""

import numpy as np
import pytest

from bitwright.control.base import make
from bitwright.control.domination import ranks
from bitwright.errors import ConfigError, MeasurementError
from bitwright.records import Measurement, Outcome
from bitwright.seeds import generator
from bitwright.testing.controllers import search
from bitwright.testing.toy_space import ToySpace

SPACE = ToySpace()


def _outcome(number, metrics, state="complete", reward=0.5):
    genome = make("random", SPACE, seed=0).propose(number, generator(0, number, "propose"))
    measured = tuple((name, Measurement(value)) for name, value in metrics.items())
    return Outcome(number, number, genome, state, reward, measured)


def _costs(controller):
    return [member[1] for member in controller.snapshot()["population"]]


def test_it_says_what_must_be_measured():
    assert make("nsga", SPACE, seed=0).needs == {"accuracy", "packed_bytes"}
    options = {"objectives": ["accuracy", "latency_ms"]}
    assert make("nsga", SPACE, options, seed=0).needs == {"accuracy", "latency_ms"}
    assert make("evolution", SPACE, seed=0).needs == frozenset()


def test_a_missing_objective_raises():
    controller = make("nsga", SPACE, {"objectives": ["accuracy", "latency_ms"]}, seed=0)
    with pytest.raises(MeasurementError, match="'latency_ms' was not measured in trial 3"):
        controller.learn([_outcome(3, {"accuracy": 0.5, "packed_bytes": 10})])


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (["accuracy", "packed_byte"], "did you mean 'packed_bytes'"),
        (["accuracy", "accuracy"], "names a metric twice"),
        ([], "objectives"),
    ],
)
def test_impossible_objectives_are_refused(objectives, message):
    with pytest.raises(ConfigError, match=message):
        make("nsga", SPACE, {"objectives": objectives}, seed=0)


def test_the_dominated_leave_first():
    controller = make("nsga", SPACE, {"population": 2}, seed=0)
    points = [(0.9, 50.0), (0.5, 10.0), (0.4, 20.0), (0.8, 60.0)]
    for number, (accuracy, size) in enumerate(points):
        controller.learn([_outcome(number, {"accuracy": accuracy, "packed_bytes": size})])
    assert sorted(_costs(controller)) == [[-0.9, 50.0], [-0.5, 10.0]]


def test_what_breaks_a_limit_loses_against_what_does_not():
    """An infeasible outcome needs no metrics; the one closer to its limit is kept longer."""
    controller = make("nsga", SPACE, {"population": 2}, seed=0)
    controller.learn(
        [
            _outcome(0, {}, "infeasible", -0.8),
            _outcome(1, {}, "infeasible", -0.1),
            _outcome(2, {"accuracy": 0.1, "packed_bytes": 1e6}),
            _outcome(3, {}, "failed", -1.0),
        ]
    )
    violations = [member[2] for member in controller.snapshot()["population"]]
    assert violations == [0.0, 0.1]


def test_parents_win_a_tournament():
    """The best of four wins 7 tournaments of 16; a parent drawn at random were it 4 times of 16."""
    options = {"population": 4, "crossover": 0, "rate": 0, "objectives": ["accuracy"]}
    controller = make("nsga", SPACE, options, seed=0)
    outcomes = [_outcome(n, {"accuracy": 0.9 if n == 2 else 0.1}) for n in range(4)]
    controller.learn(outcomes)
    best = outcomes[2].genome.as_dict()
    parents = 0
    for number in range(100):
        child = controller.propose(number, generator(1, number, "propose")).as_dict()
        parents += sum(child.get(path) != pick for path, pick in best.items()) <= 2
    assert parents > 28


def _best_front(name, options, seed):
    """The area under the front of accuracy against size that 96 trials leave: more is better."""
    controller = make(name, SPACE, options, seed=seed)
    outcomes = search(controller, SPACE, range(96), seed=seed, fail_every=0).outcomes
    points = np.array([[-o.metric("accuracy"), o.metric("packed_bytes")] for o in outcomes])
    front = points[ranks(points, np.zeros(len(points))) == 0]
    sizes = np.linspace(0, 1000, 101)
    reached = [(-front[front[:, 1] <= size, 0]).max(initial=0.0) for size in sizes]
    return float(np.mean(reached))


def test_its_front_is_ahead_of_random_search():
    """Means over five seeds: see the assertion's margin, a third of the distance."""
    seeds = range(5)
    ours, randoms = (
        np.mean([_best_front(name, {}, seed) for seed in seeds]) for name in ("nsga", "random")
    )
    assert ours > randoms + 0.005, (ours, randoms)
