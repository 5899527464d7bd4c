"""Whole studies under each way to name a controller, and what a controller needs to be measured."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError
from bitwright.study.session import run

pytestmark = pytest.mark.usefixtures("one_thread")

OWN = '''
from bitwright.control.random import RandomController


class Impatient(RandomController):
    """Random search that ends a unit's choice at the first option, and looks at the latency."""

    @property
    def needs(self):
        return frozenset({NEEDED!r})

    def propose(self, number, rng):
        return self._space.fill(lambda choice: choice.options[int(rng.integers(2)) - 1])

    def learn(self, outcomes):
        super().learn(outcomes)
        assert all(one.metric("latency_ms") > 0 for one in outcomes if one.state == "complete")
'''


def test_a_controller_of_ones_own_comes_from_a_study_file(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "impatience.py").write_text(OWN.replace("NEEDED!r", "'latency_ms'"))
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(settings(search__controller="impatience:Impatient")))
    found = run(StudyConfig.read(file), tmp_path / "study")
    assert found.state == "finished" and len(found.outcomes) == 4
    assert all((outcome.metric("latency_ms") or 0) > 0 for outcome in found.outcomes)


def test_a_need_that_nothing_measures_is_refused_at_the_start(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "impatience_too.py").write_text(OWN.replace("NEEDED!r", "'latency'"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="unknown metric 'latency'; did you mean 'latency_ms'"):
        run(config(search__controller="impatience_too:Impatient"), tmp_path / "study")


def test_nsga_searches_for_what_is_small_and_fast_too(config: Any, tmp_path: Path) -> None:
    objectives = ["accuracy", "packed_bytes", "latency_ms"]
    options = {"batch": 3, "population": 3, "objectives": objectives}
    study = config(search__controller="nsga", search__options=options, search__iterations=2)
    found = run(study, tmp_path / "study")
    assert found.state == "finished" and len(found.outcomes) == 6
    assert all(outcome.metric("latency_ms") for outcome in found.outcomes)


def test_an_optuna_sampler_searches_and_goes_on_as_if_it_had_not_stopped(
    config: Any, tmp_path: Path
) -> None:
    options = {"batch": 2, "sampler": {"n_startup_trials": 2}}
    changes: dict[str, Any] = {"search__controller": "optuna:tpe", "search__options": options}
    run(config(**changes, search__iterations=2), tmp_path / "halves")
    halves = run(config(**changes, search__iterations=4), tmp_path / "halves")
    whole = run(config(**changes, search__iterations=4), tmp_path / "whole")
    assert len(whole.outcomes) == 8
    trials = [[(o.genome, o.reward) for o in found.outcomes] for found in (halves, whole)]
    assert trials[0] == trials[1]
