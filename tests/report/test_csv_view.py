"""Trials as comma-separated values: read back, they are what was recorded."""

import csv
import io
from itertools import permutations

from bitwright.records import Estimate, Genome, Measurement, Outcome
from bitwright.report.csv_view import as_csv, decision_paths


def outcome(number, picks, **parts):
    metrics = (("accuracy", Measurement(0.5 + number / 8)), ("parameters", Measurement(12.0)))
    return Outcome(number, 0, Genome("s", tuple(picks.items())), "complete", 0.25, metrics, **parts)


OUTCOMES = (
    outcome(0, {"body/depth": 1, "body/0/kind": "conv", "head/weight": "lsq:2:channel"}),
    outcome(
        1,
        {"body/depth": 2, "body/0/kind": "conv", "body/1/kind": "identity", "head/weight": "x"},
        reason='it said: "no", twice,\nand stopped',
        seconds=(("train", 1.25), ("export", 0.5)),
        seed=7,
        estimate=Estimate(0.875, 0.25),
    ),
)


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_field_metric_and_pick_has_its_column():
    first, second = rows(as_csv(OUTCOMES))
    assert (first["trial"], first["state"], first["reward"]) == ("0", "complete", "0.25")
    assert (first["accuracy"], first["parameters"], first["latency_ms"]) == ("0.5", "12.0", "")
    assert (first["estimated_accuracy"], first["estimated_spread"]) == ("", "")
    assert (second["estimated_accuracy"], second["estimated_spread"]) == ("0.875", "0.25")
    assert (second["accuracy"], first["body/0/kind"]) == ("0.625", "conv")
    assert (first["body/depth"], first["body/1/kind"]) == ("1", "")
    assert second["reason"] == 'it said: "no", twice,\nand stopped'
    assert (second["seconds"], second["seed"], second["body/1/kind"]) == ("1.75", "7", "identity")


def test_lines_end_as_the_standard_asks():
    text = as_csv(OUTCOMES[:1])
    assert text.count("\r\n") == text.count("\n") == 2
    assert as_csv(()).startswith("trial,iteration,state,reward,accuracy,latency_ms,")


def test_decisions_stand_in_the_order_they_were_taken():
    for order in permutations(OUTCOMES):
        assert decision_paths(order) == (
            "body/depth",
            "body/0/kind",
            "body/1/kind",
            "head/weight",
        )
