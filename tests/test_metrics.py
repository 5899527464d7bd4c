"""One table of metrics, and how their values are written."""

import math

import pytest

from bitwright.metrics import COMPARED, EVERYWHERE, LATENCY, METRICS, compared, known, on, traded
from bitwright.records import Genome, Measurement
from bitwright.study.view import FIELDS, Entry, fields_of

BARE = Entry("winner", Genome("s"), (), ())


def test_names_are_told_apart() -> None:
    names = [metric.name for metric in COMPARED]
    assert len(set(names)) == len(names)
    assert set(METRICS) == set(names) - {"test_accuracy"}
    assert set(EVERYWHERE) < set(METRICS)
    assert set(FIELDS) <= set(names)
    costs = traded(names)
    assert costs and all(metric.better == "min" for metric in costs)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("instructions", 1_234_567, "1.235 M"),
        ("cycles", 12_300, "12.3 k"),
        ("energy_uj", 0.5, "0.500 µJ"),
        ("flash_bytes", 8_000, "8.0 kB"),
        ("ir_bytes", 8_000, "8.0 kB"),
        ("tflite_bytes", 8_000, "8.0 kB"),
        ("soil_moisture", 0.25, "0.250"),
    ],
)
def test_every_metric_has_its_unit_and_an_unknown_one_is_a_plain_number(
    name: str, value: float, shown: str
) -> None:
    assert known(name).show(value) == shown


def test_a_metric_of_one_target_among_several_is_told_as_the_plain_one() -> None:
    metric = known(on("latency_ms", "cortex-m4"))
    assert metric.name == "latency_ms@cortex-m4" and metric.traded
    assert metric.title == "Latency on cortex-m4" and metric.show(0.5) == LATENCY.show(0.5)
    names = ["soil_moisture@pot", "macs", "latency_ms@b", "accuracy", "latency_ms@a"]
    assert [metric.name for metric in traded(names)] == ["latency_ms@b", "latency_ms@a"]


def test_an_entry_knows_what_was_measured() -> None:
    measured = {
        "accuracy": Measurement(0.9),
        "latency_ms": Measurement(0.5, 0.01),
        "cycles": Measurement(100.0),
        "soil_moisture": Measurement(0.25),
        "latency_ms@cortex-m4": Measurement(0.7, 0.02),
    }
    entry = Entry("winner", Genome("s"), (), (), **fields_of(measured))
    assert entry.measured == {name: at.value for name, at in measured.items()}
    assert entry.metric("macs") is None
    assert LATENCY.tell(entry) == "0.500 ± 0.010 ms"
    assert known("latency_ms@cortex-m4").tell(entry) == "0.700 ± 0.020 ms"
    shown = [metric.name for metric in compared([entry, None, BARE])]
    assert sorted(shown) == sorted(measured)
    assert shown.index("latency_ms@cortex-m4") == shown.index("latency_ms") + 1


@pytest.mark.parametrize(
    ("value", "spread", "told"),
    [
        (math.inf, 0.01, "-"),
        (math.nan, 0.01, "-"),
        (0.5, math.nan, "0.500 ms"),
        (0.00891, 0.0002, "0.0089 ± 0.0002 ms"),
    ],
)
def test_what_is_not_finite_is_not_told(value: float, spread: float, told: str) -> None:
    measured = fields_of({"latency_ms": Measurement(value, spread)})
    assert LATENCY.tell(Entry("winner", Genome("s"), (), (), **measured)) == told


def test_nothing_is_compared_where_nothing_was_measured() -> None:
    assert compared([None, BARE]) == ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0321, "0.032 ms"),
        (0.00891, "0.0089 ms"),
        (0.0018142, "0.0018 ms"),
        (0.00000212, "0.0000021 ms"),
        (1e-9, "0.000 ms"),
        (0.0, "0.000 ms"),
        (12.5, "12.500 ms"),
    ],
)
def test_small_costs_take_the_decimals_that_they_need(value: float, shown: str) -> None:
    assert METRICS["latency_ms"].show(value) == shown
