"""Whole studies whose candidates are cut out of a supernet."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError
from bitwright.study.forecasting import forecast
from bitwright.study.session import run, view
from bitwright.study.watch import Watcher

pytestmark = pytest.mark.usefixtures("one_thread")

SUPERNET: dict[str, Any] = {
    "search__evaluator": "supernet",
    "search__tuning": 0.5,
    "search__iterations": 3,
    "supernet__train": {"epochs": 2, "images": 320, "batch": 64, "learning_rate": 0.01},
    "supernet__between": 1,
    "final__epochs": 0.5,
}


class Phases(Watcher):
    """Hears which phases there were."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def phase(self, name: str, detail: str = "") -> None:
        self.names.append(name)


class Breaking(Watcher):
    """Interrupts the study when so many trials are recorded, or a phase begins."""

    def __init__(self, *, trials: int = 1000, phase: str = "") -> None:
        self.left, self.at = trials, phase

    def trial_done(self, outcome: Any) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt

    def phase(self, name: str, detail: str = "") -> None:
        if name == self.at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(config: Any, with_one_thread: Any, tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("whole") / "study"
    phases = Phases()
    with with_one_thread():
        return folder, run(config(**SUPERNET), folder, phases), phases.names


def test_it_is_trained_before_the_search(whole: Any) -> None:
    folder, found, phases = whole
    assert phases.index("supernet") + 1 == phases.index("search")
    assert (folder / "supernet.pt").is_file()
    assert len(found.outcomes) == 6
    for outcome in found.outcomes:
        assert outcome.state == "complete", outcome.reason
        assert outcome.curve[-1][0] <= 0.51
    assert found.final is not None


def same(found: Any, whole: Any) -> bool:
    stripped = (
        [dataclasses.replace(one, seconds=()) for one in each.outcomes] for each in (found, whole)
    )
    first, second = stripped
    return first == second


@pytest.mark.parametrize(
    "way", [{"trials": 3}, {"phase": "search"}, {"phase": "supernet"}], ids=str
)
def test_an_interrupted_study_goes_on_exactly(
    way: dict[str, Any], whole: Any, config: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        run(config(**SUPERNET), folder, Breaking(**way))
    phases = Phases()
    found = run(config(**SUPERNET), folder, phases)
    assert ("supernet" in phases.names) == (way == {"phase": "supernet"})
    assert same(found, whole[1])


def test_workers_find_the_same(whole: Any, config: Any, tmp_path: Path) -> None:
    found = run(config(**SUPERNET, workers=2, search__lookahead=0, threads=1), tmp_path / "study")
    assert same(found, whole[1])


def test_its_training_counts_as_time_of_the_search(config: Any, tmp_path: Path) -> None:
    long = {**SUPERNET, "search__iterations": 50, "search__minutes": 0.002}
    found = run(config(**long), tmp_path / "study")
    assert found.stopped_by == "time"
    assert len(found.outcomes) == 2


def test_other_settings_are_refused_once_there_are_trials(whole: Any, config: Any) -> None:
    changed = {**SUPERNET, "supernet__between": 2}
    with pytest.raises(ConfigError, match=r"supernet\.between = 1, now it is 2"):
        run(config(**changed), whole[0])


def test_a_dry_run_tells_of_it_and_writes_nothing(config: Any, tmp_path: Path) -> None:
    told = forecast(config(**SUPERNET), tmp_path / "study")
    phases = {phase.name: phase for phase in told.phases}
    assert phases["supernet"].what == "10 steps of 64, 3 networks each"
    assert phases["supernet"].time.likely > 0
    assert "each 1 steps" in phases["search"].what or "each 2 steps" in phases["search"].what
    assert not (tmp_path / "study").exists()


def test_a_dry_run_knows_when_it_is_trained(whole: Any, config: Any) -> None:
    told = forecast(config(**SUPERNET), whole[0])
    assert {phase.name: phase.what for phase in told.phases}["supernet"] == "trained already"


def test_inheriting_without_tuning_is_refused(config: Any, tmp_path: Path) -> None:
    wrong: StudyConfig = config(search__evaluator="inherited", search__tuning=0)
    with pytest.raises(ConfigError, match=r"search\.tuning is 0"):
        run(wrong, tmp_path / "study")


def test_stages_of_no_training_are_refused(config: Any, tmp_path: Path) -> None:
    stages = {"search__halving": {"eta": 2, "rungs": 2}}
    wrong: StudyConfig = config(**{**SUPERNET, **stages, "search__tuning": 0})
    with pytest.raises(ConfigError, match=r"search\.tuning is 0, so that search\.halving has"):
        run(wrong, tmp_path / "study")


def test_the_winner_may_start_from_what_was_cut_out(
    whole: Any, config: Any, tmp_path: Path
) -> None:
    found = run(config(**SUPERNET, supernet__final="cut"), tmp_path / "study")
    assert same(found, whole[1])
    began, fresh = (one.final.curve[0][1] for one in (found, whole[1]))
    assert began < fresh, "it begins where others do"


def test_as_a_screen_it_chooses_what_is_trained(config: Any, tmp_path: Path) -> None:
    settings = {**SUPERNET, "search__evaluator": "scratch", "search__iterations": 6}
    screened = {**settings, "search__screen": {"by": "supernet", "pool": 4}}
    found = run(config(**screened), tmp_path / "screened")
    assert (tmp_path / "screened" / "supernet.pt").is_file()
    plain = run(config(**settings), tmp_path / "plain")
    assert not (tmp_path / "plain" / "supernet.pt").exists()
    chosen, others = ([one.genome for one in each.outcomes] for each in (found, plain))
    assert chosen != others
    late = found.outcomes[-1]
    assert late.estimate is not None, "what is measured turns scores into estimates"


def test_a_view_tells_of_it(whole: Any) -> None:
    entry = view(whole[0]).supernet
    assert entry is not None
    assert len(entry.curve) == 2 and entry.spent_seconds > 0
