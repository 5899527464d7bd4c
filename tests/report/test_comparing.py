"""Studies side by side: what differs, what each came to, and what may not be compared."""

import dataclasses
import io
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from bitwright.records import Genome, Measurement, Outcome
from bitwright.report import compare_page
from bitwright.report.compare_tables import comparison_as_json, sheets, terminal
from bitwright.report.comparing import best_so_far, compare, differing, labels
from bitwright.study.reading import entry_of, pareto
from bitwright.study.view import StudyView


def trial(number, accuracy, packed, reward=None):
    metrics = (("accuracy", Measurement(accuracy)), ("packed_bytes", Measurement(packed)))
    state = "infeasible" if reward is not None else "complete"
    value = accuracy if reward is None else reward
    return Outcome(number, number, Genome("s"), state, value, metrics)


def study(name, outcomes, **settings):
    complete = [outcome for outcome in outcomes if outcome.state == "complete"]
    best = max(complete, key=lambda outcome: outcome.reward, default=None)
    return StudyView(
        name,
        "finished",
        "iterations",
        tuple(outcomes),
        entry_of(best) if best else None,
        None,
        None,
        pareto(tuple(outcomes)),
        (),
        (),
        (("processor", "one"),),
        yaml.safe_dump({"data": {"name": "digits"}, "search": {"seed": 0}, **settings}),
    )


FIRST = study("one", [trial(0, 0.5, 1000), trial(1, 0.7, 9000, -0.5), trial(2, 1.0, 2000)])
SECOND = study("two", [trial(0, 0.75, 1500)], search={"seed": 1})
SHARES = (pytest.approx(21 / 121), pytest.approx(36 / 121))
BOTH = compare([Path("runs/one"), Path("runs/two")], [FIRST, SECOND])


def test_only_settings_that_differ_are_listed():
    assert BOTH.settings == (("search.seed", ("0", "1")),)
    one = {"space": {"stages": [{"name": "a", "width": [8]}]}, "limits": {}, "x": None}
    two = {"space": {"stages": [{"name": "a", "width": [8, 16]}]}, "limits": {"macs": 5}}
    assert differing([one, two]) == (
        ("space.stages.a.width", ("[8]", "[8, 16]")),
        ("limits", ("{}", "-")),
        ("limits.macs", ("-", "5")),
    )


def test_the_hypervolume_is_measured_in_one_box_for_all():
    [dominated] = BOTH.dominated
    assert dominated.cost.name == "packed_bytes"
    # accuracy 0.45 to 1, bytes 2100 down to 1000; the first study's points reach into two corners
    assert dominated.shares == SHARES


def test_studies_that_do_not_differ_have_no_hypervolume():
    same = compare([Path("a"), Path("b")], [SECOND, SECOND])
    assert same.dominated[0].shares == (None, None)
    assert same.settings == ()


def test_the_best_reward_is_given_after_the_same_numbers_of_trials():
    assert best_so_far(FIRST.outcomes) == [0.5, 0.5, 1.0]
    assert BOTH.rewards == ((1, (0.5, 0.75)), (3, (1.0, None)))


def test_a_study_in_which_nothing_is_complete_is_told_with_dashes():
    empty = study("none", [])
    nothing = study("bad", [trial(0, 0.1, 10, -1.0)])
    found = compare([Path("a"), Path("b"), Path("c")], [FIRST, empty, nothing])
    assert found.rewards[0] == (1, (0.5, None, None))
    assert found.dominated[0].shares[1:] == (None, None)
    json.dumps(comparison_as_json(found), allow_nan=False)
    assert compare_page.render(found)
    alone = compare([Path("a"), Path("b")], [empty, empty])
    assert alone.rewards == alone.dominated == ()
    assert "No unit" not in compare_page.render(alone)


def test_what_does_not_compare_is_said():
    other = dataclasses.replace(
        study("three", [], data={"name": "mnist"}, limits={"macs": 1}),
        environment=(("processor", "another"),),
    )
    assert BOTH.notes == ()
    words = " ".join(compare([Path("a"), Path("b")], [FIRST, other]).notes)
    for reason in ("data sets", "rewards or limits", "processors"):
        assert f"The {reason} differ" in words


def test_studies_of_one_name_are_told_apart_by_their_place(tmp_path):
    named = [dataclasses.replace(FIRST, study="digits")] * 2
    places = [tmp_path / "today" / "digits", tmp_path / "before" / "digits"]
    assert labels(places, named) == ("today/digits", "before/digits")
    assert labels(places, [FIRST, SECOND]) == ("one", "two")


def test_the_terminal_and_the_page_hold_the_same_tables():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(terminal(BOTH))
    shown, page = console.export_text(), compare_page.render(BOTH)
    for sheet in sheets(BOTH):
        for row in sheet.rows:
            for cell in row:
                assert cell in shown
                assert cell in page


def test_the_page_draws_every_study_and_gives_each_place_its_own_name():
    page = compare_page.render(BOTH)
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(ids) == len(set(ids))
    assert {"fronts-packed-bytes", "rewards"} <= set(ids)
    drawing = page.rpartition("<script>")[2]
    assert drawing.count("Plotly.newPlot") == 2
    assert drawing.count('"name": "one"') == drawing.count('"name": "two"') == 4


def test_a_label_cannot_become_markup():
    odd = dataclasses.replace(FIRST, study="<b>odd</b>")
    assert "<b>odd" not in compare_page.render(compare([Path("a"), Path("b")], [odd, SECOND]))


def test_the_object_for_programs():
    found = comparison_as_json(BOTH)
    assert [one["label"] for one in found["studies"]] == ["one", "two"]
    assert found["studies"][0]["trials"] == {"complete": 2, "infeasible": 1, "failed": 0}
    assert found["settings"] == {"search.seed": ["0", "1"]}
    assert found["rewards"][0] == {"trials": 1, "best": [0.5, 0.75]}
    assert found["hypervolume"] == {
        "packed_bytes": [pytest.approx(21 / 121), pytest.approx(36 / 121)]
    }
