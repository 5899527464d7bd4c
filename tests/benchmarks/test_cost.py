"""What the cost benchmark makes of searches: traces, marks, and verdicts."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def cost(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("cost")


def trial(seconds, accuracy, size):
    return {"cpu_s": seconds, "accuracy": accuracy, "packed_bytes": size, "relative": None}


SLOW = [trial(10, 0.5, 20_000), trial(20, None, None), trial(30, 0.55, 20_000)]
QUICK = [trial(1, 0.4, 30_000), trial(2, 0.55, 20_000), trial(3, 0.9, 10_000)]


def test_a_trace_rises_and_failures_add_nothing(cost):
    seconds, volumes = zip(*cost.trace(SLOW), strict=True)
    assert seconds == (10, 20, 30)
    assert volumes[0] == volumes[1] < volumes[2]
    assert volumes[0] == pytest.approx((0.5 - 0.1) / 0.9 / 2)
    assert cost.trace([trial(1, 0.9, 50_000)])[0][1] == 0, "too large to dominate anything"


def test_a_mark_is_reached_by_the_first_that_dominates_as_much(cost):
    mark = cost.trace(SLOW)[-1][1]
    assert cost.reached(cost.trace(QUICK), mark) == 2
    assert cost.reached(cost.trace(QUICK[:1]), mark) is None


def test_the_verdict_is_of_what_there_is(cost):
    searches = {f"{name} 0": SLOW for name in cost.SCRATCH}
    assert cost.verdict({"inherited 0": QUICK, "random 1": SLOW}) == []
    (row,) = cost.verdict({"inherited 0": QUICK, "random 0": SLOW})
    assert list(row["against"]) == ["random"]
    assert list(cost.summary([row])["inherited"]) == ["random"]
    assert cost.verdict(searches) == []
    assert cost.summary([]) == {}
    (row,) = cost.verdict({**searches, "inherited 0": QUICK})
    assert row["against"]["random"]["times_less"] == 15.0
    told = cost.summary([row])["inherited"]["random"]
    assert told["times_less"] == 15.0
    assert told["interval"] is None, "one seed says nothing of others"
    (row,) = cost.verdict({**searches, "inherited 0": QUICK[:1]})
    assert row["against"]["random"]["times_less"] is None
    told = cost.summary([row])["inherited"]["random"]
    assert told["times_less"] is None
    assert (told["reached"], told["of"]) == (0, 1)


def test_ratios_are_averaged_as_logarithms(cost):
    searches = {f"{name} {seed}": SLOW for name in cost.SCRATCH for seed in cost.SEEDS}
    for seed, slower in zip(cost.SEEDS, (1, 2, 4), strict=True):
        searches[f"inherited {seed}"] = [{**one, "cpu_s": slower * one["cpu_s"]} for one in QUICK]
    told = cost.summary(cost.verdict(searches))["inherited"]["random"]
    assert told["times_less"] == 7.5
    low, high = told["interval"]
    assert low * high == pytest.approx(7.5**2, rel=0.01)
    assert high / low == pytest.approx(2 ** (2 * 4.303 / 3**0.5), rel=0.01)


def test_the_settings_of_each_search_make_a_study(cost):
    import yaml

    from bitwright.config import StudyConfig
    from bitwright.control.base import CONTROLLERS
    from bitwright.execute.base import EVALUATORS

    for search in {**cost.SCRATCH, **cost.CHEAP}.values():
        study = yaml.safe_load(cost.STUDY.read_text())
        study["search"] = {**study.get("search", {}), **search}
        config = StudyConfig.from_mapping(study)
        CONTROLLERS.get(config.search.controller)
        EVALUATORS.get(config.search.evaluator)
        if config.search.evaluator == "scratch":
            trials = config.search.options["batch"] * config.search.iterations
            assert trials == cost.TRIALS
