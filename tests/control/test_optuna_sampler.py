"""Optuna's samplers as controllers: names, arguments, and that a sampler gets what it needs."""

import json
import subprocess
import sys

import pytest

from bitwright.control import optuna_sampler
from bitwright.control.base import CONTROLLERS, make
from bitwright.control.optuna_sampler import OptunaController, Question
from bitwright.errors import ConfigError, SpaceError
from bitwright.records import Choice, Genome, Outcome
from bitwright.seeds import generator
from bitwright.testing.controllers import search
from bitwright.testing.toy_space import ToySpace

SPACE = ToySpace()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tpe", "TPESampler"),
        ("TPESampler", "TPESampler"),
        ("cma-es", "CmaEsSampler"),
        ("nsgaii", "NSGAIISampler"),
        ("NSGAIIISampler", "NSGAIIISampler"),
        ("optuna.samplers:QMCSampler", "QMCSampler"),
        (f"{__name__}:tests_own_sampler", "TPESampler"),
    ],
)
def test_a_sampler_has_its_name(name, kind, monkeypatch):
    import optuna

    module = type(sys)(__name__)
    module.tests_own_sampler = optuna.samplers.TPESampler
    monkeypatch.setitem(sys.modules, __name__, module)
    controller = CONTROLLERS.get(f"optuna:{name}")
    assert issubclass(controller, OptunaController)
    assert controller.kind.__name__ == kind


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optuna:tpee", "unknown Optuna sampler 'tpee'; did you mean 'tpe'"),
        ("optuna:", "unknown Optuna sampler ''; known: bruteforce, cmaes"),
        ("optuna:BaseSampler", "unknown Optuna sampler 'BaseSampler'"),
        ("optuna:json:dumps", "name a subclass of optuna's BaseSampler"),
        ("optuna:no.such:Thing", "Optuna sampler 'no.such:Thing' cannot be loaded"),
        ("optuna", "unknown controller 'optuna'"),
    ],
)
def test_unknown_samplers_are_told(name, message):
    with pytest.raises(ConfigError, match=message):
        make(name, SPACE, seed=0)


@pytest.mark.parametrize(
    ("name", "sampler", "message"),
    [
        ("tpe", {"n_startup": 3}, "unknown key 'n_startup' .*did you mean 'n_startup_trials'"),
        ("nsgaii", {"population_size": 1}, "NSGAIISampler refuses .*must be greater than"),
        ("grid", {}, "GridSampler refuses"),
        ("partialfixed", {}, "PartialFixedSampler takes no seed"),
    ],
)
def test_impossible_arguments_are_told(name, sampler, message):
    with pytest.raises(ConfigError, match=message):
        make(f"optuna:{name}", SPACE, {"sampler": sampler}, seed=0)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(optuna_sampler.NEEDS, "TPESampler", ("no_such_package",))
    with pytest.raises(ConfigError, match=r"'no_such_package'.*bitwright\[samplers\]"):
        make("optuna:tpe", SPACE, seed=0)


def test_optuna_comes_late():
    code = (
        "import sys, bitwright.control;"
        "from bitwright.testing.toy_space import ToySpace;"
        "bitwright.control.make('evolution', ToySpace(), seed=0);"
        "assert 'optuna' not in sys.modules;"
        "bitwright.control.make('optuna:random', ToySpace(), seed=0);"
        "assert 'optuna' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["random", "qmc", "nsgaiii", "bruteforce"])
def test_the_other_samplers_search_too(name):
    outcomes = search(make(f"optuna:{name}", SPACE, seed=0), SPACE, range(12)).outcomes
    assert len({outcome.genome for outcome in outcomes}) > 6


def test_gaussian_processes_search_too():
    options = {"sampler": {"n_startup_trials": 6}, "batch": 1}
    space = ToySpace(depth=2)
    outcomes = search(make("optuna:gp", space, options, seed=0), space, range(9)).outcomes
    assert len({outcome.genome for outcome in outcomes}) == 9


def test_a_genetic_sampler_sees_its_generations():
    """Its notes are written anew when a trial is told: without them all would be generation 0."""
    controller = make("optuna:nsgaii", SPACE, {"sampler": {"population_size": 4}}, seed=0)
    assert isinstance(controller, OptunaController)
    search(controller, SPACE, range(12))
    notes = [trial.system_attrs for trial in controller._study.trials]
    assert [note["NSGAIISampler:generation"] for note in notes] == [0] * 4 + [1] * 4 + [2] * 4


def test_numbers_are_asked_in_their_order_and_texts_as_categories():
    import optuna

    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    numbers = Question.of(Choice("a/width", (32, 8, 16)))
    assert numbers.ask(trial) in (8, 16, 32)
    assert numbers.value(16) == 1
    assert Question.of(Choice("a/kind", ("conv", "pool"))).ask(trial) in ("conv", "pool")
    assert trial.distributions["a/width"].high == 2
    assert trial.distributions["a/kind"].choices == ("conv", "pool")


class _Shrinking:
    """Offers fewer options than declared, at a number and at a text."""

    space_id = "shrinking"
    steps = (Choice("n", (1, 3)), Choice("t", ("b",)), Choice("u", ("x", "y")))

    def next_choice(self, genome):
        return self.steps[len(genome.picks)] if len(genome.picks) < len(self.steps) else None

    def decode(self, genome):
        return SPACE.decode(make("random", SPACE, seed=0).propose(0, generator(0, 0, "p")))

    def declared(self):
        return (Choice("n", (0, 1, 2, 3, 4)), Choice("t", tuple("abcdef")), Choice("u", ("x", "y")))


def test_only_options_on_offer_are_picked():
    space = _Shrinking()
    controller = make("optuna:random", space, seed=0)
    found = [controller.propose(n, generator(0, n, "propose")).as_dict() for n in range(30)]
    assert {picks["t"] for picks in found} == {"b"}
    assert {picks["n"] for picks in found} == {1, 3}


def test_undeclared_decisions_are_named(monkeypatch):
    space = _Shrinking()
    monkeypatch.setattr(space, "declared", lambda: (Choice("n", (0, 1)), Choice("u", ("x", "y"))))
    controller = make("optuna:random", space, seed=0)
    with pytest.raises(SpaceError, match=r"offers \[1, 3\] at 'n', which its declared\(\)"):
        controller.propose(0, generator(0, 0, "propose"))
    with pytest.raises(SpaceError, match="'z' is not among the space's declared"):
        controller.learn([Outcome(0, 0, Genome("shrinking", (("z", 1),)), "complete", 1.0)])


def test_a_sampler_learns_from_the_reward():
    """TPE, told that one kind of unit is good, proposes it nearly always."""
    sampler = {"n_startup_trials": 4, "multivariate": False}
    controller = make("optuna:tpe", SPACE, {"sampler": sampler}, seed=0)
    drawn = make("random", SPACE, {"batch": 40}, seed=0)
    genomes = [drawn.propose(n, generator(0, n, "propose")) for n in range(40)]
    for number, genome in enumerate(genomes):
        good = genome.as_dict()["body/0/kind"] == "depthwise"
        controller.learn([Outcome(number, number, genome, "complete", 1.0 * good)])
    kinds = [
        controller.propose(n, generator(1, n, "propose")).as_dict()["body/0/kind"]
        for n in range(20)
    ]
    assert kinds.count("depthwise") > 14


def test_the_snapshot_holds_what_was_told_and_nothing_of_optuna():
    controller = make("optuna:tpe", SPACE, seed=0)
    search(controller, SPACE, range(8))
    text = json.dumps(controller.snapshot())
    assert "optuna" not in text and len(json.loads(text)["told"]) == 2
