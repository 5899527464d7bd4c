"""Whole studies whose candidates are trained in stages: `search.halving`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError
from bitwright.execute.base import Evaluator, Job, Workbench
from bitwright.execute.place import Place
from bitwright.execute.weights import checkpoint_file
from bitwright.records import Genome, Outcome
from bitwright.study.folder import Folder
from bitwright.study.pruning import Pruning
from bitwright.study.session import run
from bitwright.study.watch import Watcher
from bitwright.train.candidate import ScratchEvaluator

pytestmark = pytest.mark.usefixtures("one_thread")

STAGES: dict[str, Any] = {
    "search__halving": {"eta": 2, "rungs": 3},
    "search__controller": "evolution",
    "search__options": {"batch": 3, "population": 4, "tournament": 2},
    "search__iterations": 6,
    "train__epochs": 2,
    "final__epochs": 0.5,
}


class InOneGo(Evaluator):
    """Says nothing of stages."""

    def __init__(self, bench: Workbench) -> None:
        self._inner = ScratchEvaluator(bench)

    def evaluate(self, job: Job, place: Place) -> Outcome:
        return self._inner.evaluate(job, place)


@pytest.fixture(scope="module")
def whole(config: Any, with_one_thread: Any, tmp_path_factory: Any) -> tuple[Path, Any]:
    """A study's folder and what came of it."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    with with_one_thread():
        return folder, run(config(**STAGES), folder)


def test_a_first_stage_that_begins_in_full_precision_ends_quantized(
    config: Any, tmp_path: Path
) -> None:
    study = config(**{**STAGES, "search__iterations": 2}, train__full_precision=0.5)
    outcomes = run(study, tmp_path / "study").outcomes
    assert {outcome.fidelity for outcome in outcomes} >= {0.25}
    for outcome in outcomes:
        assert outcome.state == "complete", outcome.reason
        assert (outcome.metric("packed_bytes") or 0.0) > 0


def kept(folder: Path) -> set[int]:
    names = (folder / "trials").glob("*.checkpoint.pt")
    return {int(path.name.split(".")[0]) for path in names}


def test_the_best_go_on_with_what_they_learned(whole: Any) -> None:
    outcomes: Sequence[Outcome] = whole[1].outcomes
    assert {outcome.fidelity for outcome in outcomes} == {0.25, 0.5, 1.0}
    for outcome in outcomes:
        assert outcome.state == "complete", outcome.reason
        assert outcome.epochs == pytest.approx(2 * outcome.fidelity)
        if outcome.goes_on is None:
            assert outcome.fidelity == 0.25
        else:
            before = outcomes[outcome.goes_on]
            assert outcome.fidelity == 2 * before.fidelity
            assert (outcome.genome, outcome.seed) == (before.genome, before.seed)
            assert outcome.iteration > before.iteration
    gone_on = [outcome.goes_on for outcome in outcomes if outcome.goes_on is not None]
    assert len(gone_on) == len(set(gone_on)), "a candidate went on twice"


def test_only_checkpoints_that_something_may_go_on_from_stay(whole: Any) -> None:
    folder, found = whole
    gone_on = {outcome.goes_on for outcome in found.outcomes}
    waiting = {
        outcome.number
        for outcome in found.outcomes
        if outcome.fidelity < 1 and outcome.number not in gone_on
    }
    assert kept(folder) == waiting


def test_the_result_and_the_pareto_set_were_trained_whole(whole: Any) -> None:
    _, found = whole
    by_number = {outcome.number: outcome for outcome in found.outcomes}
    assert found.best is not None and found.final is not None
    assert {by_number[entry.trial].fidelity for entry in (found.best, *found.pareto)} == {1.0}
    assert found.final.trial == found.best.trial


@pytest.mark.slow
def test_a_stop_in_between_and_two_workers_give_the_same_search(
    config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes = {**STAGES, "search__lookahead": 1, "threads": 1}
    uninterrupted = run(config(**changes), tmp_path / "whole/study")
    run(config(**{**changes, "search__iterations": 3}), tmp_path / "halves/study")
    halves = run(config(**changes, workers=2), tmp_path / "halves/study")
    assert list(map(repeatable, halves.outcomes)) == list(map(repeatable, uninterrupted.outcomes))
    assert any(outcome.goes_on is not None for outcome in halves.outcomes[9:])
    assert kept(tmp_path / "halves/study") == kept(tmp_path / "whole/study")


INHERITED: dict[str, Any] = {
    "search__halving": {"eta": 2, "rungs": 2},
    "search__controller": "nsga",
    "search__options": {"batch": 2},
    "search__tuning": 0.5,
    "search__iterations": 6,
    "train__epochs": 4,
    "final__epochs": 0.5,
}


@pytest.mark.parametrize("evaluator", ["inherited", "shared"])
def test_the_best_of_those_with_inherited_weights_are_tuned_longer(
    evaluator: str, config: Any, tmp_path: Path
) -> None:
    found = run(config(**INHERITED, search__evaluator=evaluator), tmp_path / "study")
    assert [outcome.state for outcome in found.outcomes] == 12 * ["complete"]
    for outcome in found.outcomes[:2]:
        assert (outcome.fidelity, outcome.epochs) == (1.0, 4.0)
    gone_on = [outcome for outcome in found.outcomes if outcome.goes_on is not None]
    assert gone_on
    for outcome in gone_on:
        before = found.outcomes[outcome.goes_on]
        assert (outcome.genome, outcome.fidelity, before.fidelity) == (before.genome, 1.0, 0.5)
        if evaluator == "inherited":
            assert (before.epochs, outcome.epochs) == pytest.approx((1.0, 2.0))
        else:  # what is new to shared weights is trained longer
            assert 1.0 <= before.epochs <= 2.0 <= outcome.epochs < 4.0
    assert found.final is not None
    assert found.outcomes[found.final.trial].fidelity == 1.0


def test_what_is_cut_out_of_a_supernet_is_tuned_in_stages(config: Any, tmp_path: Path) -> None:
    changes = {**INHERITED, "supernet__train": {"epochs": 1, "batch": 64}}
    found = run(config(**changes, search__evaluator="supernet"), tmp_path / "study")
    assert {outcome.fidelity for outcome in found.outcomes} == {0.5, 1.0}
    for outcome in found.outcomes:
        assert outcome.epochs == pytest.approx(2 * outcome.fidelity)


@pytest.mark.slow
@pytest.mark.parametrize("evaluator", ["inherited", "shared"])
def test_neither_workers_nor_a_stop_change_stages_of_inherited_weights(
    evaluator: str, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes = {**INHERITED, "search__evaluator": evaluator, "search__lookahead": 1, "threads": 1}
    uninterrupted = run(config(**changes), tmp_path / "whole/study")
    run(config(**{**changes, "search__iterations": 3}), tmp_path / "halves/study")
    halves = run(config(**changes, workers=2), tmp_path / "halves/study")
    assert list(map(repeatable, halves.outcomes)) == list(map(repeatable, uninterrupted.outcomes))
    assert any(outcome.goes_on is not None for outcome in halves.outcomes[6:])


@pytest.mark.parametrize("controller", ["nsga", "recurrent", "optuna:tpe"])
def test_every_controller_learns_of_each_candidate_once(
    controller: str, config: Any, tmp_path: Path
) -> None:
    options = {"recurrent": {"exploration": 3, "hidden": 4}}.get(controller, {})
    changes = {
        **STAGES,
        "search__controller": controller,
        "search__options": {"batch": 3, **options},
        "search__iterations": 4,
    }
    found = run(config(**changes), tmp_path / "study")
    new = [outcome.genome for outcome in found.outcomes if outcome.goes_on is None]
    assert len(set(new)) == len(new) < len(found.outcomes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"search__evaluator": f"{__name__}:InOneGo"},
            r"search\.halving trains .* which evaluator '.*InOneGo' does not do; take evaluator",
        ),
        ({"train__patience": 2}, r"train\.patience = 2 ends .* leave out train\.patience or"),
    ],
)
def test_what_does_not_go_together_is_refused_at_once(
    changes: dict[str, Any], said: str, config: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(config(**STAGES, **changes), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_stages_are_settings_that_a_started_study_keeps(
    whole: Any, config: Any, settings: Any
) -> None:
    folder, _ = whole
    other = config(**{**STAGES, "search__halving": {"eta": 3}})
    with pytest.raises(ConfigError, match=r"search\.halving\.eta = 2, now it is 3"):
        run(other, folder)
    assert StudyConfig.from_mapping(settings()).search.halving is None


def test_checkpoints_go_when_nothing_can_want_them(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "study")
    folder.make()
    pruning = Pruning(Watcher(), (), folder)
    base = Outcome(0, 0, Genome("s"), "complete", 0.5, fidelity=0.5)
    for number in range(4):
        checkpoint_file(folder.path, number).touch()
    pruning.trial_done(base)
    pruning.trial_done(dataclasses.replace(base, number=1, state="infeasible"))
    pruning.trial_done(dataclasses.replace(base, number=2, state="failed"))
    assert kept(folder.path) == {0, 3}
    pruning.trial_done(dataclasses.replace(base, number=3, fidelity=1.0, goes_on=0))
    assert kept(folder.path) == {3}
