"""What the benchmark of stages makes of its measurements."""

import importlib
from pathlib import Path

import pytest

from bitwright.control.base import CONTROLLERS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def halving(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("halving")


def candidate(*accuracies):
    return {"stages": [{"accuracy": value, "cpu_s": 2.0} for value in accuracies]}


def trial(seconds, accuracy, fidelity=1.0):
    size = 10_000.0
    return {"cpu_s": seconds, "accuracy": accuracy, "packed_bytes": size, "fidelity": fidelity}


def test_tau_is_one_for_the_same_order_and_minus_one_for_the_reverse(halving):
    assert halving.tau([1, 2, 3], [10, 20, 30]) == 1
    assert halving.tau([1, 2, 3], [3, 2, 1]) == -1
    assert halving.tau([1, 2, 2], [1, 2, 3]) == pytest.approx(2 / 3)


def test_each_stage_is_held_against_the_end(halving):
    rows = halving.ranking([candidate(1 - n / 10, n / 10, n / 10) for n in range(8)])
    assert [round(row["fidelity"], 2) for row in rows] == [0.11, 0.33]
    assert [row["tau"] for row in rows] == [-1, 1]
    assert [row["share_of_cpu"] for row in rows] == pytest.approx([1 / 3, 2 / 3], abs=0.001)


def test_what_was_trained_in_part_reaches_no_mark(halving):
    whole = [trial(10, 0.5), trial(20, 0.8)]
    staged = [trial(2, 0.9, 1 / 3), trial(5, 0.9, 1.0), trial(30, 0.9, 1 / 3)]
    searches = {f"random whole {seed}": whole for seed in halving.SEEDS}
    assert halving.verdicts(searches)["seeds"] == []
    searches["random stages 0"] = staged
    (row,) = halving.verdicts(searches)["seeds"]
    assert (row["stages_cpu_s"], row["times_less"]) == (5, 4.0)
    assert row["stages_then"] == row["stages_end"] > row["hypervolume"]
    searches["random stages 0"] = [trial(2, 0.9, 1 / 3), trial(25, 0.9)]
    (row,) = halving.verdicts(searches)["seeds"]
    assert (row["stages_then"], row["times_less"]) == (0.0, 0.8)


def test_the_settings_of_each_search_make_a_study(halving):
    for controller in halving.CONTROLLERS.values():
        for way in halving.WAYS.values():
            study = halving.study_of({**controller, **way}, halving.TRAIN)
            CONTROLLERS.get(study.search.controller)
            assert study.train.epochs == 3
            assert (study.search.halving is None) == (way is halving.WAYS["whole"])
