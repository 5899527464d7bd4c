"""Which trials a filter leaves, in which order; and what is said of a bad one."""

import dataclasses

import pytest

from bitwright.errors import ConfigError
from bitwright.records import Genome, Measurement, Outcome
from bitwright.report.selection import Condition, Selection, states
from bitwright.study.reading import pareto
from bitwright.study.view import StudyView


def outcome(number, accuracy, packed=None, state="complete"):
    metrics = {"accuracy": accuracy, "packed_bytes": packed}
    return Outcome(
        number,
        number // 2,
        Genome("space"),
        state,
        accuracy if state == "complete" else -0.5,
        metrics=tuple((k, Measurement(v)) for k, v in metrics.items() if v is not None),
    )


OUTCOMES = (
    outcome(0, 0.5, 4000),
    outcome(1, 0.7, 9000),
    outcome(2, 0.6, 3000),
    outcome(3, 0.4, 8000, state="infeasible"),
    outcome(4, 0.7),
)
VIEW = StudyView("s", "finished", None, OUTCOMES, *([None] * 3), pareto(OUTCOMES), *([()] * 3), "")


def numbers(view=VIEW, **settings):
    return [found.number for found in Selection(**settings).of(view)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"last": 2}, [3, 4]),
        ({"last": 99}, [0, 1, 2, 3, 4]),
        ({"states": ("infeasible",)}, [3]),
        ({"states": ("infeasible", "failed", "complete"), "last": 1}, [4]),
        ({"sort": "accuracy"}, [1, 4, 2, 0, 3]),
        ({"sort": "packed_bytes"}, [2, 0, 3, 1, 4]),
        ({"sort": "packed_bytes", "last": 2}, [2, 0]),
        ({"sort": "trial"}, [0, 1, 2, 3, 4]),
        ({"sort": "latency_ms"}, [0, 1, 2, 3, 4]),
    ],
)
def test_what_is_listed_in_which_order(settings, expected):
    assert numbers(**settings) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["packed_bytes<8000"], [0, 2]),
        (["packed_bytes <= 8e3"], [0, 2, 3]),
        (["packed_bytes<8000", "accuracy>0.55"], [2]),
        (["accuracy=0.7"], [1, 4]),
        (["accuracy==0.7", "trial!=1"], [4]),
        (["iteration>=2"], [4]),
        (["reward<0"], [3]),
        (["latency_ms<1000"], []),
    ],
)
def test_conditions_are_met_by_what_was_measured(conditions, expected):
    assert numbers(where=tuple(map(Condition.parse, conditions))) == expected


def test_the_pareto_set():
    complete = dataclasses.replace(VIEW, outcomes=OUTCOMES[:4], pareto=pareto(OUTCOMES[:4]))
    assert numbers(complete, pareto=True) == [1, 2]


@pytest.mark.parametrize(
    "text", ["", "packed_bytes", "packed_bytes<", "<8000", "packed_bytes<many", "a b<1", "a=<1"]
)
def test_what_is_no_condition_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="write NAME<NUMBER, for example 'packed_bytes<8000'"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sort": "acuracy"}, "--sort: unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (
            {"where": (Condition("packed_byte", "<", 1.0),)},
            "--where: unknown metric 'packed_byte'; did you mean 'packed_bytes'?",
        ),
        ({"sort": "zzz"}, "known: accuracy, bitops"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest_one(settings, said):
    with pytest.raises(ConfigError) as caught:
        numbers(**settings)
    assert said in str(caught.value)


def test_an_unknown_state_is_refused_with_the_nearest_one():
    assert states(["failed", "complete"]) == ("failed", "complete")
    with pytest.raises(ConfigError, match="no such state; did you mean 'complete'"):
        states(["completed"])
