"""Studies with a screen: what it guessed is recorded, limits hold, a resumed one goes on alike."""

from pathlib import Path
from typing import Any

import pytest

from bitwright.errors import ConfigError
from bitwright.report.json_view import trial_as_json
from bitwright.study.session import run, view

pytestmark = pytest.mark.usefixtures("one_thread")

SCREENED: dict[str, Any] = {
    "search__controller": "evolution",
    "search__options": {"batch": 4, "population": 4, "tournament": 2},
    "search__screen": {"by": "predictor", "pool": 16},
    "search__iterations": 4,
    "train__images": 64,
}

LIMIT = 900  # bytes, which about half of the space's networks keep to


def test_a_study_records_what_was_guessed_and_goes_on_as_if_it_had_not_stopped(
    config: Any, repeatable: Any, tmp_path: Path
) -> None:
    run(config(**{**SCREENED, "search__iterations": 3}), tmp_path / "half/study")
    half = run(config(**SCREENED), tmp_path / "half/study")
    whole = run(config(**SCREENED), tmp_path / "whole/study")
    assert [*map(repeatable, half.outcomes)] == [*map(repeatable, whole.outcomes)]
    guessed = [outcome.estimate for outcome in whole.outcomes]
    assert guessed[:8] == [None] * 8, "with fewer than 8 outcomes it knows too little"
    assert None not in guessed[8:]
    stored = view(tmp_path / "whole/study").outcomes[-1]
    assert stored.estimate is not None
    told = trial_as_json(stored)
    assert told["estimate"]["accuracy"] == stored.estimate.accuracy
    assert told["metrics"]["accuracy"] == stored.metric("accuracy"), "the measured one"


def test_no_trial_is_spent_on_what_is_too_large(config: Any, tmp_path: Path) -> None:
    changes = {**SCREENED, "search__iterations": 2, "limits": {"packed_bytes": LIMIT}}
    plain = run(config(**{**changes, "search__screen": None}), tmp_path / "plain")
    assert "infeasible" in {outcome.state for outcome in plain.outcomes}
    screened = run(config(**changes), tmp_path / "screened")
    assert {outcome.state for outcome in screened.outcomes} == {"complete"}


def test_what_is_too_large_loses_bits_where_the_study_says_so(
    config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes = {
        **SCREENED,
        "search__screen": None,
        "search__iterations": 2,
        "limits": {"packed_bytes": LIMIT},
    }
    plain = run(config(**changes), tmp_path / "plain")
    fitting = {**changes, "search__fit": True}
    run(config(**{**fitting, "search__iterations": 1}), tmp_path / "half/study")
    half = run(config(**fitting), tmp_path / "half/study")
    whole = run(config(**fitting), tmp_path / "whole/study")
    assert [*map(repeatable, half.outcomes)] == [*map(repeatable, whole.outcomes)]
    kept = [sum(one.state == "complete" for one in view.outcomes) for view in (plain, whole)]
    assert kept[1] > kept[0]


def test_an_unknown_screen_is_refused_before_the_data_is_loaded(
    config: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="unknown screen 'predicter'; did you mean 'predictor'"):
        run(config(search__screen="predicter", data="nowhere.npz"), tmp_path / "study")


def test_fitting_to_no_limits_is_refused_before_the_data_is_loaded(
    config: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"search\.fit .* there are none; add one"):
        run(config(search__fit=True, data="nowhere.npz"), tmp_path / "study")
