"""Candidates out of weights that go on learning from each of them."""

import dataclasses
from pathlib import Path

import pytest
import torch

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError, ExportError
from bitwright.execute.base import Job, Workbench
from bitwright.execute.place import Place
from bitwright.execute.weights import weights_file
from bitwright.records import Outcome
from bitwright.study.session import run
from bitwright.testing.evaluators import workbench
from bitwright.train import shared
from bitwright.train.netfile import read_stored
from bitwright.train.shared import Commons, SharedEvaluator
from bitwright.train.shop import Shop

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
LEAST = 0.5  # of the budget


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    made = workbench(tmp_path)
    long = made.budget.model_copy(update={"epochs": 4.0, "images": None})
    return dataclasses.replace(made, budget=long, tuning=LEAST)


def job_of(bench: Workbench, number: int, option: int, learned: int) -> Job:
    genome = bench.space.fill(lambda choice: choice.options[option])
    return Job(number, number, genome, seed=1, learned=learned)


def epochs(outcome: Outcome) -> float:
    assert outcome.state == "complete", outcome.reason
    return outcome.curve[-1][0]


def state(commons: Commons, bench: Workbench, before: int) -> dict[str, torch.Tensor]:
    blueprint = bench.space.decode(job_of(bench, 0, -1, 0).genome)
    net, _ = commons.cut(blueprint, before)
    return {k: v for k, v in net.state_dict().items() if isinstance(v, torch.Tensor)}


def alike(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_what_was_never_trained_gets_the_whole_budget_and_the_rest_a_part(bench: Workbench) -> None:
    evaluator = SharedEvaluator(bench)
    first = evaluator.evaluate(job_of(bench, 0, 0, learned=0), Place())
    assert epochs(first) == 4 and first.relative is None
    again = evaluator.evaluate(job_of(bench, 1, 0, learned=1), Place())
    assert epochs(again) == 4 * LEAST
    assert again.curve[0][1] < first.curve[0][1], "it learned no faster than from nothing"
    wider = evaluator.evaluate(job_of(bench, 2, -1, learned=2), Place())
    assert epochs(wider) == 4 * LEAST, "the first channels of a wider layer were trained"
    assert wider.curve[0][1] < first.curve[0][1]


def test_a_candidate_knows_the_trials_that_were_learned_before_it_alone(bench: Workbench) -> None:
    evaluator = SharedEvaluator(bench)
    for number in range(2):
        evaluator.evaluate(job_of(bench, number, number, learned=0), Place())
    states = [state(Commons(bench), bench, before) for before in (0, 1, 2)]
    assert not alike(states[0], states[1]) and not alike(states[1], states[2])
    in_turn = Commons(bench)
    assert all(alike(state(in_turn, bench, at), states[at]) for at in (0, 1, 2))


def test_what_a_trial_exported_is_what_it_gives_back(bench: Workbench) -> None:
    outcome = SharedEvaluator(bench).evaluate(job_of(bench, 0, 0, learned=0), Place())
    stored = read_stored(weights_file(bench.folder, 0), CPU)
    assert stored.about == {"trial": "0", "budget": 1.0}
    assert (stored.blueprint.units, stored.blueprint.policy) == (outcome.units, outcome.policy)
    net, trained = Commons(bench).cut(stored.blueprint, 1)
    assert set(trained.values()) == {1.0}
    weights = [name for name in net.state_dict() if name.endswith(".weight")]
    assert weights
    assert all(torch.equal(net.state_dict()[name], stored.state[name]) for name in weights)


def test_who_begins_late_finds_what_old_trials_gave(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "SAVED_EVERY", 2)
    evaluator = SharedEvaluator(bench)
    for number in range(6):
        evaluator.evaluate(job_of(bench, number, number % 2, learned=number), Place())
    asked = [state(Commons(bench), bench, before) for before in (4, 5)]
    behind = Commons(bench)
    state(behind, bench, 1)
    kept = sorted(path.name for path in bench.folder.glob("shared.*.pt"))
    assert kept == ["shared.00002.pt", "shared.00004.pt"]
    for number in range(4):
        weights_file(bench.folder, number).unlink()
    assert alike(state(Commons(bench), bench, 4), asked[0])
    assert alike(state(Commons(bench), bench, 5), asked[1])
    assert alike(state(behind, bench, 5), asked[1])


def test_a_trial_that_failed_gives_nothing(bench: Workbench) -> None:
    SharedEvaluator(bench).evaluate(job_of(bench, 1, 0, learned=0), Place())
    before, after = (state(Commons(bench), bench, number) for number in (1, 2))
    assert alike(before, state(Commons(bench), bench, 0)) and not alike(before, after)


def test_a_network_that_is_dead_gives_nothing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ExportError("a layer is dead")

    with monkeypatch.context() as patched:
        patched.setattr(Shop, "export", refuse)
        found = SharedEvaluator(bench).evaluate(job_of(bench, 0, 0, learned=0), Place())
    assert found.state == "infeasible"
    assert alike(state(Commons(bench), bench, 0), state(Commons(bench), bench, 1))


def test_a_broken_file_is_told(bench: Workbench) -> None:
    path = weights_file(bench.folder, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK no network")
    found = SharedEvaluator(bench).evaluate(job_of(bench, 1, 0, learned=1), Place())
    assert found.state == "failed" and "put the file back" in (found.reason or "")


def test_without_tuning_a_study_is_refused(config, tmp_path: Path) -> None:
    study: StudyConfig = config(search__evaluator="shared", search__tuning=0)
    with pytest.raises(ConfigError, match=r"search\.tuning is 0, but .* evaluator 'shared'"):
        run(study, tmp_path / "study")
