"""What the rank benchmark makes of scores: networks over all sizes, taus with their intervals."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def rank(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("rank")


def test_tau_is_one_for_the_same_order_and_near_none_for_chance(rank):
    truths = [0.5 + 0.01 * n for n in range(40)]
    assert rank.tau(truths, [2 * one for one in truths])["tau"] == 1
    assert rank.tau(truths, [-one for one in truths])["tau"] == -1
    shuffled = [truths[(7 * n) % 40] for n in range(40)]
    found = rank.tau(truths, shuffled)
    low, high = found["interval"]
    assert low < 0 < high and abs(found["tau"]) < 0.3


def test_a_summary_waits_for_every_network(rank):
    one = {"accuracy": 0.8, "cpu_s": 10.0, "packed_bytes": 1000, "macs": 10, "bitops": 100}
    truths = [
        {**one, "accuracy": 0.5 + 0.01 * n, "macs": n, "bitops": n % 7, "packed_bytes": -n}
        for n in range(rank.NETWORKS)
    ]
    assert rank.summary(truths[1:], {}) == {}
    scores = {"supernet": {"scores": list(range(40)), "once_cpu_s": 5.0, "each_cpu_s": 0.1}}
    found = rank.summary(truths, scores)
    assert found["macs"]["tau"] == 1
    assert found["supernet"]["tau"] == 1 and found["supernet"]["once_cpu_s"] == 5
    assert found["training in full"] == {"each_cpu_s": 10.0}
