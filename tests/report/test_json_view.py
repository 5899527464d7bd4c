import dataclasses
import json

from bitwright.report.json_view import as_json

ENTRY_KEYS = {
    "accuracy",
    "test_accuracy",
    "latency_ms",
    "packed_bytes",
    "file_bytes",
    "macs",
    "bitops",
    "peak_activation_bytes",
    "metrics",
    "reward",
    "trial",
    "genome",
    "policy",
    "model",
    "curve",
}


def test_one_object_with_the_promised_keys(view):
    told = as_json(view)
    assert list(told) == [
        "study",
        "state",
        "stopped_by",
        "trials",
        "at_work",
        "taken_over",
        "best",
        "final",
        "baseline",
        "finalists",
        "teacher",
        "supernet",
        "pareto",
    ]
    assert told["trials"] == {"complete": 35, "infeasible": 3, "failed": 2}
    for entry in (told["best"], told["final"], told["baseline"], *told["pareto"]):
        assert set(entry) == ENTRY_KEYS


def test_finalists_are_entries_with_their_trials(view, several):
    assert as_json(view)["finalists"] == []
    told = as_json(several)
    assert [entry["trial"] for entry in told["finalists"]] == [view.final.trial, 21, 22]
    assert all(set(entry) == ENTRY_KEYS for entry in told["finalists"])
    assert told["finalists"][1]["model"] == "finalists/00021.onnx"


def test_values_are_plain_json(view):
    told = as_json(view)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["baseline"]["policy"]["stem.weight"] == "affine:8:channel"
    assert told["final"]["genome"]["picks"]["stem/kind"] == "conv"
    assert told["final"]["model"] == "model.onnx"
    final = told["final"]["metrics"]
    assert final["latency_ms"] == told["final"]["latency_ms"]
    assert final["test_accuracy"] == told["final"]["test_accuracy"]


def test_numbers_that_json_cannot_write_become_null(view):
    final = dataclasses.replace(view.final, latency_ms=float("nan"), reward=float("-inf"))
    told = as_json(dataclasses.replace(view, final=final))
    assert told["final"]["latency_ms"] is None
    assert told["final"]["reward"] is None


def test_a_study_without_trials(empty):
    told = as_json(empty)
    assert told["trials"] == {"complete": 0, "infeasible": 0, "failed": 0}
    assert told["best"] is told["final"] is told["baseline"] is None
    assert told["pareto"] == []
    assert told["stopped_by"] is None
