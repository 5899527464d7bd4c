"""Every controller keeps the contract, refuses bad options, and learns."""

import statistics
import subprocess
import sys

import pytest

from bitwright.control.base import CONTROLLERS, genome_from_json, make, picks_to_json
from bitwright.control.evolution import EvolutionController
from bitwright.control.operators import choices
from bitwright.control.recurrent import RecurrentController
from bitwright.errors import ConfigError, SpaceError
from bitwright.records import Choice, Genome, Outcome
from bitwright.seeds import generator
from bitwright.testing.controllers import CHECKS, search
from bitwright.testing.toy_space import ToySpace, toy_reward

# Small enough that the contract's 24 trials reach past the random start of each.
CASES = {
    "random": ("random", {}),
    "evolution": ("evolution", {"population": 8, "tournament": 3}),
    "nsga": ("nsga", {"population": 8}),
    "nsga on three goals": (
        "nsga",
        {"population": 8, "objectives": ["accuracy", "packed_bytes", "latency_ms"]},
    ),
    "recurrent": ("recurrent", {"hidden": 16, "exploration": 4}),
    "recurrent by ppo": ("recurrent", {"hidden": 16, "exploration": 4, "algorithm": "ppo"}),
    "optuna:tpe": ("optuna:tpe", {"sampler": {"n_startup_trials": 6}}),
    "optuna:nsgaii": ("optuna:nsgaii", {"sampler": {"population_size": 6}}),
    "optuna:cmaes": ("optuna:cmaes", {}),
}
NAMES = [*CONTROLLERS, "optuna:tpe"]


def test_every_registered_controller_is_under_contract():
    assert {name for name, _ in CASES.values()} >= set(NAMES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(case, check):
    name, options = CASES[case]
    check(lambda space, seed: make(name, space, options, seed=seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batc": 2}, "unknown key 'batc' in [search.options]; did you mean 'batch'?"),
        ({"zzz": 2}, "unknown key 'zzz' in [search.options]; known: "),
        (
            {"batch": 0},
            "[search.options] batch = 0: input should be greater than or equal to 1",
        ),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(ConfigError) as caught:
        make(name, ToySpace(), options, seed=0)
    assert str(caught.value).startswith(message)


def test_settings_must_fit_each_other():
    with pytest.raises(ConfigError, match="tournament = 9 draws more than population = 4"):
        make("evolution", ToySpace(), {"population": 4, "tournament": 9}, seed=0)


@pytest.mark.parametrize("key", ["clip", "epochs"])
def test_what_only_ppo_has_is_refused_without_it(key):
    value = {"clip": 0.1, "epochs": 3}[key]
    with pytest.raises(ConfigError, match=rf"{key} = {value} needs algorithm = 'ppo'"):
        make("recurrent", ToySpace(), {key: value}, seed=0)


def test_unknown_controller_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'evolution'"):
        make("evolutoin", ToySpace(), seed=0)


def test_a_users_own_name_must_lead_to_a_controller():
    with pytest.raises(ConfigError, match="name a subclass"):
        make("json:dumps", ToySpace(), seed=0)


def test_only_making_the_recurrent_controller_imports_torch():
    code = (
        "import sys, bitwright.control, bitwright.control.recurrent, bitwright.control.evolution;"
        "from bitwright.testing.toy_space import ToySpace;"
        "bitwright.control.make('evolution', ToySpace(), seed=0);"
        "assert 'torch' not in sys.modules;"
        "bitwright.control.make('recurrent', ToySpace(), seed=0);"
        "assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_picks_survive_a_snapshot():
    space = ToySpace()
    genome = make("random", space, seed=0).propose(0, generator(0, 0, "propose"))
    assert genome_from_json(space, picks_to_json(genome)) == genome


# --- learning
# ---------------------------------------------------------------------------------------

SEEDS = range(10)
TRIALS = 96
# Means over the ten seeds (last quarter, best of all): random 0.42 and 0.887, evolution 0.85 and
# 0.925, recurrent 0.83 and 0.910. The margins are about half of the smaller distance.
MARGIN_LATE = 0.2
MARGIN_BEST = 0.01


def _scores(name: str) -> tuple[float, float]:
    """The mean reward of the last quarter and of the best trial, over all seeds."""
    space = ToySpace()
    late, best = [], []
    for seed in SEEDS:
        controller = make(name, space, seed=seed)
        outcomes = search(controller, space, range(TRIALS), seed=seed, fail_every=0).outcomes
        rewards = [outcome.reward for outcome in outcomes]
        late.append(statistics.mean(rewards[-TRIALS // 4 :]))
        best.append(max(rewards))
    return statistics.mean(late), statistics.mean(best)


@pytest.fixture(scope="module")
def random_scores():
    return _scores("random")


@pytest.mark.parametrize("name", ["evolution", "recurrent"])
def test_learning_beats_random_search(name, random_scores):
    late, best = _scores(name)
    assert late > random_scores[0] + MARGIN_LATE
    assert best > random_scores[1] + MARGIN_BEST


# --- evolution
# --------------------------------------------------------------------------------------


def _outcomes(space, rewards, *, start=0):
    sampler = make("random", space, seed=0)
    return [
        Outcome(n, n, sampler.propose(n, generator(0, n, "propose")), "complete", reward)
        for n, reward in enumerate(rewards, start)
    ]


def test_the_oldest_dies_however_fit():
    space = ToySpace()
    controller = make("evolution", space, {"population": 3, "tournament": 3}, seed=0)
    outcomes = _outcomes(space, [0.9, 0.1, 0.2, 0.3])
    controller.learn(outcomes)
    alive = [reward for _, reward in controller.snapshot()["population"]]
    assert alive == [0.1, 0.2, 0.3]


def test_the_fittest_of_a_full_tournament_is_the_parent():
    space = ToySpace()
    options = {"population": 6, "tournament": 6, "crossover": 0, "rate": 0, "policy": 1}
    controller = make("evolution", space, options, seed=0)
    outcomes = _outcomes(space, [0.1, 0.2, 0.9, 0.3, 0.4, 0.5])
    controller.learn(outcomes)
    fittest = outcomes[2].genome
    assert any(path.endswith("/weight") for path, _ in fittest.picks)
    for number in range(20):
        child = controller.propose(number, generator(1, number, "propose"))
        different = [path for path, pick in child.picks if fittest.as_dict()[path] != pick]
        assert len(different) == 1
        assert different[0].endswith(("/weight", "/activation"))


def test_the_population_starts_at_random():
    space = ToySpace()
    controller = make("evolution", space, {"population": 5, "tournament": 2}, seed=0)
    controller.learn(_outcomes(space, [0.1] * 4))
    plain = make("random", space, seed=0)
    assert isinstance(controller, EvolutionController)
    assert controller.propose(9, generator(0, 9, "p")) == plain.propose(9, generator(0, 9, "p"))


def test_random_candidates_may_have_one_method_throughout():
    space = ToySpace()
    controller = make("evolution", space, {"population": 99, "alike": 0.5}, seed=0)
    alike = 0
    for number in range(60):
        picks = controller.propose(number, generator(0, number, "p")).as_dict()
        weights = {pick for path, pick in picks.items() if path.endswith("/weight")}
        alike += len(weights) == 1
    assert 25 < alike < 50, "half of them, and some of the others by chance"


# --- recurrent
# --------------------------------------------------------------------------------------


def test_the_policy_sees_the_reward_of_the_iteration_before():
    """M1.2: the preset value at first, then the reward before."""
    space = ToySpace()

    def snapshot_after(initial, rewards):
        options = {"exploration": 0, "hidden": 16}
        controller = make("recurrent", space, options, seed=0, initial_reward=initial)
        for outcome in _outcomes(space, rewards):
            controller.learn([outcome])
        return controller.snapshot()

    assert snapshot_after(0.25, [])["last_reward"] == 0.25
    assert snapshot_after(0.25, [0.5, 0.75])["last_reward"] == 0.75
    policies = [snapshot_after(initial, [0.5, 0.75])["policy"] for initial in (0.0, 5.0)]
    assert policies[0] != policies[1]


def test_the_last_reward_moves_a_trained_policys_draws():
    space = ToySpace()
    controller = make("recurrent", space, {"exploration": 0, "hidden": 16}, seed=0)
    search(controller, space, range(64))
    snapshot = controller.snapshot()
    draws = []
    for reward in (0.0, 50.0):
        controller.restore({**snapshot, "last_reward": reward})
        draws.append([controller.propose(n, generator(0, n, "propose")) for n in range(30)])
    assert draws[0] != draws[1]


def test_a_fresh_policy_is_uniform():
    import torch

    from bitwright.control.lstm_policy import LstmPolicy

    choices = ToySpace().declared()
    episode = LstmPolicy(choices, hidden=8, seed=3).start(0.0)
    for choice in choices:
        met = []
        episode.decide(
            choice, lambda choice, chances, met=met: met.append(chances) or choice.options[0]
        )
        assert torch.allclose(met[0], torch.full_like(met[0], 1 / len(choice.options)))


def test_only_offered_options_are_drawn():
    from bitwright.control.lstm_policy import LstmPolicy

    policy = LstmPolicy([Choice("a", (1, 2, 3, 4))], hidden=8, seed=3)
    met = []
    policy.start(0.0).decide(Choice("a", (4, 2)), lambda _, chances: met.append(len(chances)) or 4)
    assert met == [2]


@pytest.mark.parametrize("choice", [Choice("b", (1, 2)), Choice("a", (1, 9))])
def test_an_undeclared_path_or_option_is_named(choice):
    from bitwright.control.lstm_policy import LstmPolicy

    policy = LstmPolicy([Choice("a", (1, 2))], hidden=8, seed=3)
    with pytest.raises(SpaceError, match=rf"at '{choice.path}', which its declared\(\)"):
        policy.start(0.0).decide(choice, lambda choice, _: choice.options[0])


def test_making_a_policy_leaves_torchs_own_generator_alone():
    import torch

    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    make("recurrent", ToySpace(), seed=9)
    assert torch.equal(torch.rand(3), expected)


def _chances(options, rewards):
    """How likely each outcome's genome is, before and after they were learned."""
    import torch

    space = ToySpace()
    controller = make("recurrent", space, {"exploration": 0, "entropy": 0, **options}, seed=0)
    outcomes = _outcomes(space, rewards)

    def likely():
        replays = [controller._replay(one.genome, choices(space, one.genome)) for one in outcomes]
        return [torch.stack(replay.log_probabilities).sum().item() for replay in replays]

    before = likely()
    controller.learn(outcomes)
    return before, likely()


@pytest.mark.parametrize("options", [{}, {"algorithm": "ppo"}])
def test_what_did_better_becomes_likelier(options):
    before, after = _chances(options, [1.0, 0.0])
    assert after[0] > before[0] and after[1] < before[1]


def test_ppo_goes_further_with_more_epochs_until_it_is_clipped():
    """Adam's first steps are of one size: the distance tells how many had a gradient."""

    def moved(**options):
        options = {"algorithm": "ppo", "learning_rate": 1e-3, **options}
        before, after = _chances(options, [1.0, 0.0])
        return after[0] - before[0]

    one, four = moved(epochs=1), moved(epochs=4)
    assert four > 2 * one > 0
    assert moved(epochs=4, clip=1e-9) < four


def test_equal_rewards_leave_the_policy_finite_and_undecided():
    space = ToySpace()
    controller = make("recurrent", space, {"exploration": 0}, seed=0)
    assert isinstance(controller, RecurrentController)
    for outcome in _outcomes(space, [0.5] * 10):
        controller.learn([outcome])
    kinds = {
        controller.propose(n, generator(0, n, "propose")).as_dict()["body/0/kind"]
        for n in range(40)
    }
    assert kinds == {"conv", "depthwise", "pool"}


def test_a_foreign_genome_is_refused():
    controller = make("recurrent", ToySpace(), {"hidden": 8}, seed=0)
    foreign = Genome("another", (("body/depth", 1),))
    with pytest.raises(SpaceError, match="'another' met space 'toy-4'"):
        controller.learn([Outcome(0, 0, foreign, "complete", 1.0)])


def test_the_toy_reward_is_bounded():
    space = ToySpace()
    for outcome in search(make("random", space, seed=0), space, range(200)).outcomes:
        if outcome.state == "complete":
            assert -2 < toy_reward(space.decode(outcome.genome)) < 1
