"""What optuna-dashboard, the program itself, makes of a study."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna_dashboard
import pytest

from bitwright.study.store import Store
from bitwright.testing.stores import DECLARED, complete, failed, infeasible

Get = Callable[[str], Any]


@pytest.fixture
def get(tmp_path: Path) -> Get:
    """The dashboard on a study of three trials; answers a request's path with JSON."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    store = Store.open(url, "toy")
    for outcome in (complete(0), infeasible(1), failed(2)):
        store.append(outcome, DECLARED)
    store.close()
    application = optuna_dashboard.wsgi(url)

    def request(path: str) -> Any:
        environment: dict[str, Any] = {"PATH_INFO": path, "wsgi.errors": io.StringIO()}
        setup_testing_defaults(environment)
        statuses: list[str] = []
        body = b"".join(application(environment, lambda status, *_: statuses.append(status)))
        assert statuses == ["200 OK"], body
        return json.loads(body)

    return request


def named(pairs: list[dict[str, Any]], value: str) -> dict[str, Any]:
    return {pair.get("name", pair.get("key")): pair[value] for pair in pairs}


def test_it_lists_the_study_with_its_objective(get: Get) -> None:
    [study] = get("/api/studies")["study_summaries"]
    assert study["study_name"] == "toy"
    assert study["directions"] == ["maximize"]
    assert get(f"/api/studies/{study['study_id']}")["objective_names"] == ["reward"]


def test_it_shows_parameters_and_metrics_under_readable_names(get: Get) -> None:
    study = get("/api/studies")["study_summaries"][0]["study_id"]
    first, second, third = get(f"/api/studies/{study}")["trials"]
    picks = {path: str(pick) for path, pick in complete(0).genome.picks}
    assert named(first["params"], "param_external_value") == picks
    told = named(first["user_attrs"], "value")
    assert float(told["packed_bytes"]) == complete(0).metric("packed_bytes")
    assert float(told["accuracy"]) == complete(0).metric("accuracy")
    assert first["values"] == [complete(0).reward]
    assert [trial["state"] for trial in (first, second, third)] == ["Complete", "Complete", "Fail"]
    assert named(second["user_attrs"], "value")["reason"] == infeasible(1).reason
    assert max(second["constraints"]) > 0, "an infeasible trial is marked"
