"""Operators give genomes that decode, on the toy space and on the real one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitwright.config import SpaceConfig, StageConfig
from bitwright.control.base import make
from bitwright.control.operators import (
    choices,
    crossover,
    fresh,
    is_policy,
    movable,
    mutate,
    sample,
    sample_alike,
    slot,
)
from bitwright.errors import InvalidGenome, SpaceError
from bitwright.quant.spec import Method
from bitwright.records import Choice, Genome, Outcome
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.testing.toy_space import ToySpace


def _methods(texts, role):
    return tuple(Method.parse(text, role) for text in texts)


JOINT = JointSpace(
    stages_of(SpaceConfig(template="compact")),
    MethodSpace(
        _methods(("lsq:2", "lsq:4", "lsq:8"), "weight"),
        _methods(("lsq:4", "lsq:8"), "activation"),
        removed=(
            (("depthwise_separable", "weight", Method("lsq", 2, per_channel=True)), "sensitive"),
        ),
    ),
    input_shape=(1, 28, 28),
    classes=10,
)
FIXED = JointSpace(
    (StageConfig(name="body", kinds=("conv", "max_pool"), depth=(1, 2, 3), width=(8, 16)),),
    MethodSpace(_methods(["lsq:4"], "weight"), _methods(["lsq:8"], "activation")),
    input_shape=(3, 32, 32),
    classes=10,
)
SPACES = {"toy": ToySpace(), "joint": JOINT, "fixed": FIXED}
SEED = st.integers(0, 2**32 - 1)
SPACE = st.sampled_from(sorted(SPACES))
PART = st.sampled_from(["all", "structure", "policy"])


def _check(space, genome):
    assert space.next_choice(genome) is None
    assert tuple(choice.path for choice in choices(space, genome)) == tuple(
        path for path, _ in genome.picks
    )
    space.decode(genome)


def _policy(genome):
    return {path: pick for path, pick in genome.picks if is_policy(path)}


def _structure(genome):
    return {path: pick for path, pick in genome.picks if not is_policy(path)}


@settings(deadline=None, max_examples=60)
@given(SPACE, SEED)
def test_samples_decode(name, seed):
    _check(SPACES[name], sample(SPACES[name], np.random.default_rng(seed)))


@settings(deadline=None, max_examples=60)
@given(SPACE, SEED)
def test_alike_samples_decode_and_have_one_method_a_role(name, seed):
    space = SPACES[name]
    genome = sample_alike(space, np.random.default_rng(seed))
    _check(space, genome)
    offered = {choice.path: choice.options for choice in choices(space, genome)}
    for role in ("weight", "activation"):
        methods = [(path, pick) for path, pick in _policy(genome).items() if path.endswith(role)]
        for path, pick in methods:
            first = methods[0][1]
            assert pick == first or first not in offered[path], path


def test_alike_samples_hold_every_method_and_structure():
    drawn = [sample_alike(JOINT, np.random.default_rng(seed)) for seed in range(40)]
    assert {dict(one.picks)["head/weight"] for one in drawn} == {
        "lsq:2:channel",
        "lsq:4:channel",
        "lsq:8:channel",
    }
    assert len({tuple(_structure(one).items()) for one in drawn}) > 30


@settings(deadline=None, max_examples=100)
@given(SPACE, SEED, PART, st.floats(0, 0.9))
def test_a_mutant_decodes_and_differs_in_its_part(name, seed, part, rate):
    space, rng = SPACES[name], np.random.default_rng(seed)
    parent = sample(space, rng)
    child = mutate(space, parent, rng, rate=rate, part=part)
    _check(space, child)
    if not movable(space, parent, part):
        assert child == parent
        return
    assert child != parent
    if part == "policy":
        assert _structure(child) == _structure(parent)
    if part == "structure":
        old = parent.as_dict()
        offered = {choice.path: choice.options for choice in choices(space, child)}
        for path, pick in _policy(child).items():
            if path in old and old[path] in offered[path]:
                assert pick == old[path]


@settings(deadline=None, max_examples=60)
@given(SPACE, SEED)
def test_a_mutation_without_a_rate_turns_one_decision(name, seed):
    """Exactly one pick is turned; whatever else differs is new, gone, or no longer on offer."""
    space, rng = SPACES[name], np.random.default_rng(seed)
    parent = sample(space, rng)
    child = mutate(space, parent, rng)
    old = parent.as_dict()
    offered = {choice.path: choice.options for choice in choices(space, child)}
    turned = [
        path
        for path, pick in child.picks
        if path in old and pick != old[path] and old[path] in offered[path]
    ]
    assert len(turned) == 1


@settings(deadline=None, max_examples=100)
@given(SPACE, SEED)
def test_a_child_takes_whole_slots_from_its_parents(name, seed):
    space, rng = SPACES[name], np.random.default_rng(seed)
    a, b = sample(space, rng), sample(space, rng)
    child = crossover(space, a, b, rng)
    _check(space, child)
    offered = {choice.path: choice.options for choice in choices(space, child)}
    parents = (a.as_dict(), b.as_dict())
    slots = {slot(path) for path in offered}
    for place in slots:
        paths = [path for path in offered if slot(path) == place]
        fits = [
            [path for path in paths if parent.get(path) in offered[path] and path in parent]
            for parent in parents
        ]
        if all(len(fit) == len(paths) for fit in fits):  # both could have given all of it
            picks = [child.as_dict()[path] for path in paths]
            assert picks in [[parent[path] for path in paths] for parent in parents]
    for path, pick in child.picks:
        heirlooms = [p[path] for p in parents if path in p and p[path] in offered[path]]
        assert not heirlooms or pick in heirlooms


@settings(deadline=None, max_examples=40)
@given(SPACE, SEED)
def test_a_child_of_twins_is_their_twin(name, seed):
    space, rng = SPACES[name], np.random.default_rng(seed)
    genome = sample(space, rng)
    assert crossover(space, genome, genome, rng) == genome


def test_crossover_mixes():
    space, rng = JOINT, np.random.default_rng(0)
    a, b = sample(space, rng), sample(space, rng)
    children = {crossover(space, a, b, rng) for _ in range(30)}
    assert len(children - {a, b}) > 10


@pytest.mark.parametrize("name", ["random", "evolution", "recurrent"])
def test_controllers_search_the_joint_space(name):
    """Ten iterations towards few units: all proposals decode, learning meets no undeclared path."""
    controller = make(name, JOINT, {}, seed=0)
    for iteration in range(10):
        batch = []
        for number in range(iteration * controller.batch, (iteration + 1) * controller.batch):
            genome = controller.propose(number, generator(0, number, "propose"))
            reward = -float(len(JOINT.decode(genome).units))
            batch.append(Outcome(number, iteration, genome, "complete", reward))
        controller.learn(batch)
    assert controller.snapshot()["seen"]


def test_declared_lists_all_that_occurs():
    for space in SPACES.values():
        declared = {choice.path: set(choice.options) for choice in space.declared()}
        rng = np.random.default_rng(0)
        for _ in range(50):
            for choice in choices(space, sample(space, rng)):
                assert set(choice.options) <= declared[choice.path]


class _NoNetwork:
    space_id = "none"

    def next_choice(self, genome):
        return None if genome.picks else Choice("a", (1, 2))

    def decode(self, genome):
        raise InvalidGenome(f"a = {genome.picks[0][1]} fits nowhere")

    def declared(self):
        return (Choice("a", (1, 2)),)


def test_a_space_without_networks_ends_in_a_clear_error():
    with pytest.raises(SpaceError, match=r"none of 200 genomes of space 'none'.*fits nowhere"):
        sample(_NoNetwork(), np.random.default_rng(0))


class _NoOption(_NoNetwork):
    def next_choice(self, genome):
        return Choice("a", ())


def test_a_decision_without_options_is_named():
    with pytest.raises(SpaceError, match="'a' has no option left"):
        sample(_NoOption(), np.random.default_rng(0))


@pytest.mark.parametrize("operator", [mutate, lambda s, g, rng: crossover(s, g, g, rng)])
def test_a_genome_of_another_space_is_refused(operator):
    foreign = Genome("elsewhere", (("body/depth", 1),))
    with pytest.raises(SpaceError, match="'elsewhere' met space 'toy-4'"):
        operator(ToySpace(), foreign, np.random.default_rng(0))


def test_fresh_redraws_and_gives_in():
    a, b = Genome("s", (("a", 1),)), Genome("s", (("a", 2),))
    draws = iter([a, a, b])
    assert fresh(lambda: next(draws), {a}) == b
    assert fresh(lambda: a, {a}) == a
