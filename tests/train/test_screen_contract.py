"""Every screen keeps the contract that is published for users' own; broken ones do not."""

import dataclasses
from typing import ClassVar

import pytest

from bitwright.control.screen import SCREENS, Screen
from bitwright.records import Estimate
from bitwright.testing.screens import CHECKS

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SCREENS)
def test_every_screen_keeps_it(name, check, tmp_path):
    check(SCREENS.get(name).make, tmp_path)


class Sizes(Screen):
    """The larger a network, the better; keeps the contract."""

    def __init__(self, bench):
        self.costs = bench.costs
        self.known = 0

    @classmethod
    def make(cls, bench):
        return cls(bench)

    def learn(self, outcomes):
        self.known += len(outcomes)

    def estimates(self, genomes):
        found = [1 - 1 / self.costs(genome)["packed_bytes"] for genome in genomes]
        return [Estimate(accuracy, 1 / (1 + self.known)) for accuracy in found]


class Boastful(Sizes):
    def estimates(self, genomes):
        return [dataclasses.replace(one, accuracy=1.1) for one in super().estimates(genomes)]


class Silent(Sizes):
    def estimates(self, genomes):
        return None


class Learning(Sizes):
    """Learns from being asked."""

    def estimates(self, genomes):
        self.known += 1
        return super().estimates(genomes)


class Comparing(Sizes):
    """Holds those that it is asked about against each other."""

    def scores(self, genomes):
        sizes = [self.costs(genome)["packed_bytes"] for genome in genomes]
        return [sorted(sizes).index(size) for size in sizes]


class Shared(Sizes):
    """Remembers across studies."""

    all: ClassVar = []

    def learn(self, outcomes):
        self.all.extend(outcomes)
        self.known = len(self.all)


def test_a_simple_screen_keeps_it(tmp_path):
    for check in CHECKS:
        check(Sizes.make, tmp_path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Boastful, "it expects accuracy 1.1"),
        (Silent, "it still knows too little"),
        (Learning, "asking it changes what it says"),
        (Comparing, "alone a genome is told"),
        (Shared, "replaying the outcomes gives other estimates"),
    ],
)
def test_a_screen_that_breaks_it_is_told(kind, said, tmp_path):
    with pytest.raises(AssertionError, match=said):
        for check in CHECKS:
            check(kind.make, tmp_path)
