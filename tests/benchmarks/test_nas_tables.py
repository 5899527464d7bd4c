"""The tables' spaces hold their candidates and nothing else; their sizes are counted right."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from bitwright.control.base import make
from bitwright.control.operators import crossover, mutate, sample
from bitwright.errors import DataError, InvalidGenome
from bitwright.records import Choice, Genome
from bitwright.seeds import generator

FILE = Path(__file__).parents[2] / "benchmarks" / "nas_tables.py"


@pytest.fixture(scope="module")
def tables():
    """The module, which is a script's and no part of the package."""
    spec = importlib.util.spec_from_file_location("nas_tables", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["nas_tables"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["nas_tables"]


@pytest.fixture
def space(tables):
    """Four candidates: with 'skip' nothing else is left to decide."""
    found = {
        (("a/op", "conv"), ("a/weight", 4), ("b/op", "skip")): {"accuracy": 0.7},
        (("a/op", "conv"), ("a/weight", 8), ("b/op", "skip")): {"accuracy": 0.9},
        (("a/op", "conv"), ("a/weight", 8), ("b/op", "conv")): {"accuracy": 0.8},
        (("a/op", "skip"), ("a/weight", 0), ("b/op", "conv")): {"accuracy": 0.5},
    }
    return tables.TableSpace("four", found)


def test_only_candidates_are_offered_and_one_answer_is_not_asked(space):
    start = Genome("four")
    assert space.next_choice(start) == Choice("a/op", ("conv", "skip"))
    assert space.next_choice(start.with_pick("a/op", "skip")) is None
    conv = start.with_pick("a/op", "conv")
    assert space.next_choice(conv) == Choice("a/weight", (4, 8))
    assert space.next_choice(conv.with_pick("a/weight", 4)) is None
    assert space.metrics(start.with_pick("a/op", "skip")) == {"accuracy": 0.5}
    assert space.metrics(conv.with_pick("a/weight", 4)) == {"accuracy": 0.7}
    with pytest.raises(InvalidGenome, match="is no candidate of four"):
        space.decode(conv)


def test_what_is_declared_covers_what_is_asked(space):
    declared = {choice.path: choice.options for choice in space.declared()}
    assert declared == {
        "a/op": ("conv", "skip"),
        "a/weight": (0, 4, 8),
        "b/op": ("conv", "skip"),
    }


def test_operators_stay_within_the_table(space):
    rng = np.random.default_rng(0)
    genomes = {sample(space, rng) for _ in range(60)}
    assert len(genomes) == len(space) == 4
    for genome in genomes:
        space.candidate(mutate(space, genome, rng))
        space.candidate(crossover(space, genome, sample(space, rng), rng))


def test_a_controller_finds_the_best_of_four(space):
    controller = make("evolution", space, {"batch": 1}, seed=0)
    found = {
        space.metrics(controller.propose(n, generator(0, n, "p")))["accuracy"] for n in range(30)
    }
    assert max(found) == 0.9


def test_bytes_by_hand(tables):
    """Five cells of one 3x3 convolution at 4 bits in each of three stages, stem, classifier."""
    cells = 5 * 9 * (16**2 + 32**2 + 64**2) * 4 / 8
    assert tables.packed_bytes("300000", "400000") == cells + 3 * 9 * 16 + 64 * 10


def test_a_missing_table_is_told(tables, tmp_path):
    pytest.importorskip("pyarrow", reason="reads the tables; comes with the extra 'bench'")
    with pytest.raises(DataError, match="name the data folder with --data"):
        tables.accuracy_table(tmp_path)
