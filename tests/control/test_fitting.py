"""Proposals over a limit lose bits, the largest first, until they keep it; the contract holds."""

import hashlib

import pytest

from bitwright.config import StageConfig
from bitwright.control.base import make
from bitwright.control.fitting import Fitting
from bitwright.control.operators import choices, is_policy, sample
from bitwright.control.reward import Reward, Term
from bitwright.errors import ConfigError
from bitwright.quant.spec import Method
from bitwright.records import Genome
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.testing.controllers import CHECKS
from bitwright.testing.toy_space import ToySpace, toy_metrics

CONTROLLERS = {
    "random": {},
    "evolution": {"population": 8, "tournament": 3},
    "nsga": {"population": 8, "objectives": ["accuracy", "packed_bytes", "latency_ms"]},
    "recurrent": {"hidden": 8, "exploration": 4},
    "optuna:nsgaii": {"sampler": {"population_size": 6}},
}
SPACE = ToySpace()


def costs(genome):
    return {"packed_bytes": toy_metrics(SPACE.decode(genome))["packed_bytes"]}


def fitting(controller, space, limit):
    reward = Reward("linear", {"accuracy": Term()}, {"packed_bytes": limit})
    return Fitting(controller, space, costs=costs, reward=reward)


def median_limit():
    """A limit that half of all random networks keep."""
    sizes = sorted(costs(genome)["packed_bytes"] for genome in drawn(101))
    return sizes[50]


def drawn(count):
    return [sample(SPACE, generator(3, number, "propose")) for number in range(count)]


def bits(genome):
    return {path: Method.parse(str(pick)).bits for path, pick in genome.picks if is_policy(path)}


def structure(genome):
    return [(path, pick) for path, pick in genome.picks if not is_policy(path)]


def narrowed_everywhere(genome):
    least = {
        choice.path: min(choice.options, key=lambda option: Method.parse(str(option)).bits)
        for choice in choices(SPACE, genome)
        if is_policy(choice.path)
    }
    picks = tuple((path, least.get(path, pick)) for path, pick in genome.picks)
    return Genome(genome.space_id, picks)


@pytest.mark.parametrize("name", CONTROLLERS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(name, check):
    limit = median_limit()

    def factory(space, seed):
        return fitting(make(name, space, CONTROLLERS[name], seed=seed), space, limit)

    check(factory)


def test_what_keeps_the_limits_stays_as_it_is():
    limit = median_limit()
    controller = fitting(make("random", SPACE, {}, seed=0), SPACE, limit)
    kept = [genome for genome in drawn(60) if costs(genome)["packed_bytes"] <= limit]
    assert len(kept) > 20
    assert [controller.fitted(genome) for genome in kept] == kept


def test_what_breaks_one_loses_bits_until_it_keeps_it():
    limit = median_limit()
    controller = fitting(make("random", SPACE, {}, seed=0), SPACE, limit)
    fitted = hopeless = 0
    for genome in drawn(200):
        if costs(genome)["packed_bytes"] <= limit:
            continue
        found = controller.fitted(genome)
        if costs(narrowed_everywhere(genome))["packed_bytes"] > limit:
            assert found == genome
            hopeless += 1
            continue
        fitted += 1
        SPACE.decode(found)
        assert costs(found)["packed_bytes"] <= limit
        assert structure(found) == structure(genome)
        before, after = bits(genome), bits(found)
        assert all(after[path] <= before[path] for path in before)
        assert any(after[path] < before[path] for path in before)
    assert fitted > 5
    assert hopeless > 0


def test_the_step_that_saves_most_comes_first():
    limit = median_limit()
    controller = fitting(make("random", SPACE, {}, seed=0), SPACE, limit)
    looked_at = 0
    for genome in drawn(100):
        found = controller.fitted(genome)
        changed = [path for path, pick in found.picks if dict(genome.picks)[path] != pick]
        if len(changed) != 1:
            continue
        (place,) = changed
        looked_at += 1
        saved = {}
        for choice in choices(SPACE, genome):
            here = bits(genome).get(choice.path)
            fewer = [o for o in choice.options if here and Method.parse(str(o)).bits < here]
            if fewer:
                step = max(fewer, key=lambda option: Method.parse(str(option)).bits)
                picks = tuple((p, step if p == choice.path else x) for p, x in genome.picks)
                smaller = costs(Genome(genome.space_id, picks))["packed_bytes"]
                saved[choice.path] = costs(genome)["packed_bytes"] - smaller
        assert saved[place] == max(saved.values())
    assert looked_at > 3


@pytest.mark.parametrize(
    ("here", "limit", "wanted"),
    [
        ("lsq:8:tensor", 4, "lsq:4:tensor"),
        ("lsq:8:channel", 4, "lsq:4:channel"),
        ("uniform:8:channel", 4, "dorefa:4:channel"),
        ("lsq:8:tensor", 2, "dorefa:2:channel"),
        ("lsq:4:tensor", 2, "dorefa:2:channel"),
    ],
)
def test_of_methods_with_as_many_bits_only_the_most_alike_is_met(here, limit, wanted):
    fours = ("dorefa:4:tensor", "dorefa:4:channel", "lsq:4:tensor", "lsq:4:channel")
    methods = (*fours, here, "dorefa:2:channel")
    space = JointSpace(
        (StageConfig(name="stem", width=(8,)),),
        MethodSpace(
            tuple(map(Method.parse, dict.fromkeys(methods))), (Method.parse("lsq:8:tensor"),)
        ),
        input_shape=(1, 8, 8),
        classes=10,
    )

    def bits_of_stem(genome):
        return {"packed_bytes": Method.parse(genome.as_dict()["stem/0/weight"]).bits}

    reward = Reward("linear", {"accuracy": Term()}, {"packed_bytes": limit})
    controller = make("random", space, {}, seed=0)
    controller = Fitting(controller, space, costs=bits_of_stem, reward=reward)
    found = controller.fitted(space.fill(lambda choice: here))
    assert found.as_dict() == {"stem/0/weight": wanted, "head/weight": here}


@pytest.mark.parametrize("salt", range(5))
def test_it_ends_whatever_the_costs_do_with_fewer_bits(salt):
    def erratic(genome):
        digest = hashlib.sha256(repr((salt, genome.picks)).encode()).digest()
        return {"packed_bytes": float(digest[0])}

    reward = Reward("linear", {"accuracy": Term()}, {"packed_bytes": 100.0})
    controller = Fitting(make("random", SPACE, {}, seed=0), SPACE, costs=erratic, reward=reward)
    changed = 0
    for genome in drawn(60):
        found = controller.fitted(genome)
        changed += found != genome
        assert found == genome or erratic(found)["packed_bytes"] <= 100
        assert all(bits(found)[path] <= before for path, before in bits(genome).items())
    assert changed > 5


def test_it_cannot_be_named_as_a_controller():
    with pytest.raises(ConfigError, match=r"ask for it by search\.fit"):
        make("bitwright.control.fitting:Fitting", SPACE, seed=0)
