"""Whose weights a candidate starts from: the likest recorded trial's, whatever else goes on."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import StageConfig, StudyConfig
from bitwright.control.operators import sample
from bitwright.execute.weights import KEPT, weights_file
from bitwright.quant.spec import Method
from bitwright.records import Genome, Measurement, Outcome
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.study.folder import Folder
from bitwright.study.pruning import PRUNE_EVERY, Pruning
from bitwright.study.relatives import likeness, nearest_in
from bitwright.study.session import run, view
from bitwright.study.watch import Watcher
from bitwright.testing.stores import complete

METHODS = MethodSpace(
    (Method.parse("lsq:2"), Method.parse("lsq:8")), (Method.parse("lsq:8", "activation"),)
)
STAGES = (
    StageConfig(name="a", kinds=("conv", "residual"), width=(8, 16, 32)),
    StageConfig(name="b", kinds=("conv",), depth=(1, 2), kernel=(3, 5)),
)
SPACE = JointSpace(STAGES, METHODS, input_shape=(1, 8, 8), classes=10)


def genome(**picks: Any) -> Genome:
    """The genome of the first options, but for some picks such as a__0__kind="residual"."""
    chosen = {name.replace("__", "/"): pick for name, pick in picks.items()}
    return SPACE.fill(lambda choice: chosen.get(choice.path, choice.options[0]))


def trial(number: int, of: Genome, accuracy: float = 0.5) -> Outcome:
    blueprint = SPACE.decode(of)
    return dataclasses.replace(
        complete(number),
        genome=of,
        metrics=(("accuracy", Measurement(accuracy)),),
        units=blueprint.units,
        policy=blueprint.policy,
    )


def like(a: Genome, b: Genome) -> float:
    blueprint, other = SPACE.decode(a), SPACE.decode(b)
    return likeness(blueprint, other.units, other.policy)


def test_a_network_is_wholly_like_itself() -> None:
    assert like(genome(), genome()) == 1.0


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        ({"a__width": 16}, {"a__width": 32}),
        ({"a__0__weight": "lsq:8:channel"}, {"a__0__kind": "residual"}),
        ({"a__0__weight": "lsq:8:channel"}, {"b__0__kernel": 5}),
        ({"b__0__kernel": 5}, {"b__0__kernel": 5, "a__0__kind": "residual"}),
    ],
)
def test_the_less_would_have_to_be_learned_anew_the_likelier(
    nearer: dict[str, Any], farther: dict[str, Any]
) -> None:
    assert 1 > like(genome(), genome(**nearer)) > like(genome(), genome(**farther)) > 0


def test_the_likest_is_chosen_of_those_about_as_like_the_most_accurate() -> None:
    choose = nearest_in(SPACE)
    far, near = genome(a__0__kind="residual"), genome(a__width=16)
    assert choose(genome(), []) is None
    assert choose(genome(), [trial(0, far, 0.9), trial(1, near, 0.1)]) == 1
    assert choose(genome(), [trial(0, near, 0.9), trial(1, near, 0.1)]) == 0
    assert choose(genome(), [trial(0, near), trial(1, near)]) == 1
    about_as_near = genome(a__width=16, b__0__weight="lsq:8:channel")
    assert choose(genome(), [trial(0, near, 0.6), trial(1, about_as_near, 0.7)]) == 1


def test_without_an_accuracy_the_reward_is_the_worth() -> None:
    unmeasured = [
        dataclasses.replace(trial(number, genome()), metrics=(), reward=reward)
        for number, reward in enumerate((0.2, 0.1))
    ]
    assert nearest_in(SPACE)(genome(), unmeasured) == 0


def test_who_has_no_weights_is_nobodys_relative() -> None:
    broken = [
        dataclasses.replace(trial(number, genome()), state=state)
        for number, state in enumerate(("failed", "infeasible"))
    ]
    assert nearest_in(SPACE)(genome(), broken) is None
    old = [trial(0, genome()), *(broken[0] for _ in range(KEPT))]
    assert nearest_in(SPACE)(genome(), old) is None


def test_old_weights_are_deleted_and_those_that_may_be_asked_for_are_not(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "study")
    folder.make()
    pruning = Pruning(Watcher(), (), folder, ahead=8)
    of = sample(SPACE, generator(0, 0, "propose"))
    for number in range(KEPT + 2 * PRUNE_EVERY):
        weights_file(folder.path, number).touch()
        pruning.trial_done(trial(number, of))
    kept = sorted(int(path.stem) for path in (folder.path / "trials").iterdir())
    last = 350 - 1  # when it was pruned last
    assert kept == list(range(last - KEPT - 8, KEPT + 2 * PRUNE_EVERY))


INHERITED = {
    "search__evaluator": "inherited",
    "search__tuning": 0.5,
    "search__controller": "evolution",
    "search__options": {"batch": 2, "population": 4, "tournament": 2},
    "search__iterations": 4,
}


@pytest.fixture
def study(config: Any) -> StudyConfig:
    made: StudyConfig = config(**INHERITED)
    return made


@pytest.mark.usefixtures("one_thread")
def test_candidates_of_a_study_start_from_trials_before_them(
    study: StudyConfig, tmp_path: Path
) -> None:
    found = run(study, tmp_path / "study")
    assert [outcome.relative for outcome in found.outcomes[:2]] == [None, None]
    for outcome in found.outcomes[2:]:
        assert outcome.state == "complete", outcome.reason
        assert outcome.relative is not None and outcome.relative < outcome.number
        assert outcome.curve[-1][0] == pytest.approx(0.25, abs=0.01)
    assert view(tmp_path / "study").outcomes == found.outcomes


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("evaluator", ["inherited", "shared"])
def test_two_workers_and_a_stop_in_between_give_the_same_search(
    evaluator: str, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    ahead = config(**{**INHERITED, "search__evaluator": evaluator}, search__lookahead=1)
    whole = run(ahead, tmp_path / "whole/study")
    beside = run(ahead.model_copy(update={"workers": 2, "threads": 1}), tmp_path / "beside/study")
    half = ahead.model_copy(update={"search": ahead.search.model_copy(update={"iterations": 2})})
    run(half, tmp_path / "halves/study")
    halves = run(ahead, tmp_path / "halves/study")
    for other in (beside, halves):
        assert list(map(repeatable, other.outcomes)) == list(map(repeatable, whole.outcomes))
