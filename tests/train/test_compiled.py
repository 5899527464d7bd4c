"""The cache of compiled convolutions is bounded by the deepest network, and by the user's word."""

import os

import pytest

from bitwright.config import StageConfig
from bitwright.train.compiled import CAPACITY, bound_kernels

STAGES = (StageConfig(name="a", depth=(1, 3)), StageConfig(name="b", depth=(2,)))


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.setenv(CAPACITY, "to be put back")
    monkeypatch.delenv(CAPACITY)


@pytest.mark.parametrize(("stages", "capacity"), [(STAGES, 120), (STAGES[:1] * 20, 1024)])
def test_it_holds_the_deepest_network_and_at_most_what_it_holds_by_itself(stages, capacity):
    bound_kernels(stages)
    assert os.environ[CAPACITY] == str(capacity)


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv(CAPACITY, "7")
    bound_kernels(STAGES)
    assert os.environ[CAPACITY] == "7"
