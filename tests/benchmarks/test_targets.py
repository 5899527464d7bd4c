"""What the benchmark of targets makes of its measurements."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from bitwright.space.joint import expand
from bitwright.study.parts import check
from bitwright.targets.base import make
from bitwright.testing.integer_models import random_model
from bitwright.testing.networks import blueprint_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def targets(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("targets")


def test_each_target_has_a_study_that_is_in_order(targets):
    studies = [targets.study(name) for name in targets.TARGETS]
    for study in studies:
        check(study)
    assert len({study.model_copy(update={"target": ""}).to_yaml() for study in studies}) == 1


def test_a_file_is_judged_on_a_target_or_refused_by_it(targets, tmp_path):
    graph = expand(
        blueprint_of(
            {"name": "stem", "width": 8},
            {"name": "body", "kinds": "inverted_bottleneck", "width": 8, "squeeze_excite": True},
        )
    )
    model = tmp_path / "model.onnx"
    target = make("npu:edge-8-4")
    target.export(random_model(graph, np.random.default_rng(0)), model, {})
    found = targets.judged(model, target)
    assert found["cycles"] == target.counted(graph)["cycles"]
    assert sum(found["bound_by"].values()) == pytest.approx(1, abs=0.01)
    refused = targets.judged(model, make("npu:int8"))
    assert refused == {"refused": "accelerator 'int8' does not run 'multiply'"}


def test_rewards_are_shares_of_the_mean_of_the_own_winners(targets):
    def one(accuracy, **latencies):
        measured = {f"npu:{name}": {"latency_ms": ms} for name, ms in latencies.items()}
        return {"accuracy": accuracy, "measured": measured}

    first, second = one(0.9, int8=0.01), one(0.7, int8=0.01)
    other = one(0.4, **{"int8": 0.01, "bit-fusion": 0.02})
    for refused in (first, second):
        refused["measured"]["npu:bit-fusion"] = {"refused": "no"}
    winners = {"npu:int8": {"0": first, "1": second}, "npu:bit-fusion": {"0": other}}
    found = targets.matrix(winners)
    own = found["npu:int8"].pop("npu:int8")
    assert own["mean"] == 1.0
    assert own["half_interval"] == pytest.approx(
        targets.half_interval([0.9 / 0.8, 0.7 / 0.8]), abs=1e-4
    )
    assert found == {
        "npu:int8": {"npu:bit-fusion": None},
        "npu:bit-fusion": {
            "npu:int8": {"mean": 0.5, "half_interval": None},
            "npu:bit-fusion": {"mean": 1.0, "half_interval": None},
        },
    }
