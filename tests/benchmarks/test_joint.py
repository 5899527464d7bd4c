"""The benchmark of joint search: four ways with one space and one size, and what comes of them."""

import importlib
import random
from pathlib import Path

import pytest

from bitwright.config import StudyConfig
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def joint(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("joint")


def space_of(study):
    config = StudyConfig.from_mapping(study)
    roles = [config.quantization.methods(role) for role in ("weight", "activation")]
    methods = MethodSpace(*roles)
    return JointSpace(stages_of(config.space), methods, input_shape=(3, 32, 32), classes=10)


def test_a_pinned_space_holds_the_structure_and_nothing_else(joint):
    whole = space_of(joint.study_of(0, {}))
    for seed in range(20):
        rng = random.Random(seed)
        blueprint = whole.decode(whole.fill(lambda choice, rng=rng: rng.choice(choice.options)))
        pinned = space_of(joint.study_of(0, joint.pinned(blueprint.units)))
        assert pinned.size().structures == 1
        again = pinned.decode(pinned.fill(lambda choice: choice.options[0]))
        told = [[(unit.kind, unit.params) for unit in one.units] for one in (blueprint, again)]
        assert told[0] == told[1]


def test_every_way_keeps_to_one_size_and_one_final_training(joint):
    whole = StudyConfig.from_mapping(joint.study_of(0, {}))
    for bits in (4, 8):
        study = StudyConfig.from_mapping(joint.study_of(0, joint.uniform(bits)))
        assert (study.limits, study.final, study.train) == (whole.limits, whole.final, whole.train)
        assert study.quantization.mode == "fixed"


def test_what_is_ahead_is_counted_in_points_over_the_seeds_that_both_have(joint):
    runs = {
        "joint 0": {"test_accuracy": 0.72, "packed_bytes": 9000},
        "joint 1": {"test_accuracy": 0.70, "packed_bytes": 9000},
        "uniform-8 0": {"test_accuracy": 0.70, "packed_bytes": 10000},
        "uniform-8 1": {"test_accuracy": 0.69, "packed_bytes": 10000},
        "uniform-4 0": {"test_accuracy": 0.725, "packed_bytes": 9000},
    }
    told = joint.summary(runs)
    assert told["uniform-8"]["points"] == [2.0, 1.0] and told["uniform-8"]["mean"] == 1.5
    assert told["uniform-8"]["half_interval"] == pytest.approx(6.35, abs=0.01)
    assert told["uniform-8"]["smaller"] == 0.1
    assert told["uniform-4"]["points"] == [-0.5] and told["uniform-4"]["half_interval"] is None
    assert "then-bits" not in told
