"""Studies that train candidates in stages: nothing is compared with what had more of the budget."""

import csv
import dataclasses
import io

import pytest
from rich.console import Console

from bitwright.records import Genome, Measurement, Outcome
from bitwright.report import html, progress, tables, tradeoff
from bitwright.report.comparing import best_so_far
from bitwright.report.csv_view import as_csv
from bitwright.report.figure import trial_hover
from bitwright.report.json_view import trial_as_json
from bitwright.report.learning import candidates, curves
from bitwright.report.selection import Condition, Selection
from bitwright.study.reading import entry_of, pareto


def trial(number, fidelity, accuracy, goes_on=None, reward=None):
    end = 9 * fidelity
    before = () if goes_on is None else ((1.0, 0.9, None),)
    return Outcome(
        number,
        number // 2,
        Genome("s", (("a", number if goes_on is None else goes_on),)),
        "complete",
        accuracy if reward is None else reward,
        metrics=(("accuracy", Measurement(accuracy)), ("packed_bytes", Measurement(4000.0))),
        curve=(*before, (end, 0.5, accuracy)),
        fidelity=fidelity,
        goes_on=goes_on,
    )


# What is trained in part is given the better values, so that any mixing shows.
OUTCOMES = (
    trial(0, 1 / 9, 0.95),
    trial(1, 1 / 9, 0.90),
    trial(2, 1 / 3, 0.97, goes_on=0),
    trial(3, 1 / 3, 0.60, goes_on=1),
    trial(4, 1.0, 0.80, goes_on=3),
    trial(5, 1 / 9, 0.99),
    trial(6, 1.0, 0.85, goes_on=2),
)


@pytest.fixture
def staged(empty):
    return dataclasses.replace(
        empty, outcomes=OUTCOMES, best=entry_of(OUTCOMES[6]), pareto=pareto(OUTCOMES)
    )


def traces(plots, at=0):
    return {trace["name"]: trace for trace in plots[at].data}


def test_trials_that_go_on_from_each_other_are_one_candidate():
    chains = [[each.number for each in one.trials] for one in candidates(OUTCOMES)]
    assert chains == [[0, 2, 6], [1, 3, 4], [5]]
    first = candidates(OUTCOMES)[0]
    assert [(epoch, value) for epoch, value, _ in first.accuracies] == [(1, 95), (3, 97), (9, 85)]
    assert [(epoch, value) for epoch, value, _ in first.losses] == [(1, 0.9), (9, 0.5)]


def test_what_was_never_trained_is_no_candidate_and_what_lost_its_start_is_one_anew():
    untrained = dataclasses.replace(trial(7, 1 / 9, 0.5), curve=(), state="infeasible")
    lost = dataclasses.replace(trial(8, 1 / 3, 0.5, goes_on=5), curve=(), state="failed")
    assert candidates([*OUTCOMES, untrained, lost]) == candidates(OUTCOMES)
    orphan = trial(9, 1.0, 0.7, goes_on=7)
    assert [one.trials for one in candidates([untrained, orphan])] == [(orphan,)]


def test_curves_are_drawn_apart_for_the_best_those_that_went_on_and_the_rest(staged):
    drawn = traces(curves(staged))
    assert drawn["best"]["x"] == [1, 3, 9, None]
    assert drawn["best"]["y"] == [95, 97, 85, None]
    assert drawn["went on"]["x"] == [1, 3, 9, None]
    assert drawn["candidate"]["x"] == [1, None]
    widths = [drawn[name]["line"]["width"] for name in ("candidate", "went on", "best")]
    assert widths == sorted(widths) and len(set(widths)) == 3
    assert traces(curves(staged), 1)["best"]["y"] == [0.9, 0.5, None]


def test_without_stages_curves_are_drawn_where_they_have_more_than_a_point(view, staged):
    names = [plot.name for plot in curves(view)]
    assert names == ["learning-accuracy", "learning-loss"]
    assert set(traces(curves(view))) == {"candidate", "best"}
    alone = tuple(dataclasses.replace(each, goes_on=None) for each in OUTCOMES[:2])
    assert curves(dataclasses.replace(staged, outcomes=alone)) == ()


def test_figures_draw_what_was_trained_in_part_apart(staged):
    plots = tradeoff.tradeoffs(staged)
    assert traces(plots)["trial"]["y"] == [80, 85]
    assert traces(plots)["trained in part"]["y"] == pytest.approx([95, 90, 97, 60, 99])
    assert traces(plots)["Pareto front"]["y"] == [85]
    rewards = traces(progress.rewards(staged))
    assert rewards["best so far"]["y"] == [0.8, 0.85]
    assert rewards["iteration"]["y"] == [0.8, 0.85]
    assert rewards["trained in part"]["x"] == [0, 1, 2, 3, 5]


def test_nothing_trained_in_part_is_the_best_while_something_was_trained_to_the_end(staged):
    assert [entry.trial for entry in staged.pareto] == [6]
    assert best_so_far(OUTCOMES) == [None, None, None, None, 0.8, 0.8, 0.85]
    unfinished = pareto(OUTCOMES[:4])
    assert [entry.label for entry in unfinished] == ["trial 2 (trained in part)"]


def text(renderable):
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_tables_have_columns_for_stages_where_there_are_stages(view, staged):
    rows = [line.split() for line in text(tables.trials(OUTCOMES)).splitlines()]
    assert ["6", "3", "9", "2", "ok"] in [row[:5] for row in rows]
    assert ["5", "2", "1", "ok"] in [row[:4] for row in rows]
    assert " ep. " not in text(tables.trials(view.outcomes[:3]))
    assert "Goes on from" in html.render(staged)
    assert "Goes on from" not in html.render(view)


def test_programs_are_told_of_stages():
    found = trial_as_json(OUTCOMES[6])
    assert (found["epochs"], found["fidelity"], found["goes_on"]) == (9.0, 1.0, 2)
    assert found["curve"] == [[1.0, 0.9, None], [9.0, 0.5, 0.85]]
    rows = list(csv.DictReader(io.StringIO(as_csv(OUTCOMES), newline="")))
    assert (rows[6]["epochs"], rows[6]["fidelity"], rows[6]["goes_on"]) == ("9.0", "1.0", "2")
    assert (rows[0]["epochs"], rows[0]["goes_on"]) == ("1.0", "")


def test_stages_can_be_selected(staged):
    for condition, numbers in {"fidelity=1": [4, 6], "epochs<2": [0, 1, 5]}.items():
        selection = Selection(where=(Condition.parse(condition),))
        assert [each.number for each in selection.of(staged)] == numbers
    untrained = dataclasses.replace(OUTCOMES[0], curve=())
    assert not Condition.parse("epochs<2").holds(untrained)


def test_the_pointer_is_told_how_long_a_network_was_trained(view):
    assert "9 epochs, on from trial 2" in trial_hover(OUTCOMES[6])
    assert "<br>1 epoch<br>" in trial_hover(OUTCOMES[0])
    assert "epochs" not in trial_hover(view.outcomes[0])
