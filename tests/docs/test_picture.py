"""The axes and fronts of the pages' pictures."""

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def picture(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs"))
    return importlib.import_module("picture")


def test_round_ticks_enclose_all_values(picture):
    axis = picture.Axis.over([71.3, 93.2], 0.0, 100.0)
    assert axis.ticks == (70, 75, 80, 85, 90, 95)
    assert axis.at(70) == 0.0 and axis.at(95) == 100.0 and axis.at(82.5) == 50.0


def test_decades_enclose_all_values_and_lay_equal_ratios_equally_wide(picture):
    axis = picture.Axis.decades([3.0, 130.0], 0.0, 300.0)
    assert axis.ticks == (2, 5, 10, 20, 50, 100, 200)
    assert axis.at(20) - axis.at(2) == pytest.approx(axis.at(200) - axis.at(20))
    assert axis.at(2) == 0.0 and axis.at(200) == pytest.approx(300.0)


def test_a_decade_that_begins_at_a_value_begins_there(picture):
    assert picture.Axis.decades([10.0, 50.0], 0.0, 1.0).ticks == (10, 20, 50)


def test_an_axis_of_one_value_has_room(picture):
    assert picture.Axis.over([5.0, 5.0], 0.0, 10.0).at(5.0) == 0.0
    assert picture.Axis.decades([10.0], 0.0, 10.0).ticks == (10, 20)


def test_steps_go_along_the_highest_point_up_to_each_x(picture):
    x, y = picture.Axis((0, 10), 0.0, 100.0), picture.Axis((0, 10), 100.0, 0.0)
    below = (5.0, 1.0)
    path = picture.steps([(4.0, 6.0), below, (2.0, 3.0)], x, y)
    assert path == "M20.0,70.0 H40.0 V40.0"
    panel = picture.Panel("title", x, y, "kB")
    assert "H40.0 V40.0 H90.0" in panel.steps([(4.0, 6.0), (2.0, 3.0)], "red", end=9.0)
    assert panel.steps([], "red", end=9.0) == ""
