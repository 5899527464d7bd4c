"""Whatever is answered, the study file is valid and its parts can be made."""

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bitwright.cli.json_schema import study_schema
from bitwright.cli.starter.answers import Answers
from bitwright.cli.starter.budget import BATCH, budget
from bitwright.cli.starter.space import FITTING, fitting_space
from bitwright.cli.starter.text import study_file
from bitwright.config import StudyConfig
from bitwright.control.base import CONTROLLERS, make
from bitwright.control.reward import Reward
from bitwright.errors import ConfigError
from bitwright.measure.survey import survey
from bitwright.metrics import EVERYWHERE
from bitwright.seeds import generator
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.space.templates import stages_of
from bitwright.targets.base import TARGETS
from bitwright.targets.base import make as make_target
from bitwright.tasks.data.glimpse import Glimpse

CHECK = jsonschema.Draft202012Validator(study_schema())
LIMIT = st.none() | st.floats(1e-6, 1e6) | st.integers(1, 500).map(float)
NAMES = st.sampled_from(["digits", "my photos/", "a: b", "#x.npz", "m.y:load", "'", "on", "1e3"])
PROCESSORS = [name for name in TARGETS if TARGETS.get(name).argument is None]
PROCESSORS += ["npu:edge-8-4", "npu:int8"]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    side = st.integers(1, 260)
    shape = (draw(st.sampled_from((1, 3, 4))), draw(side), draw(side))
    images = draw(st.integers(2, 2_000_000))
    data = Glimpse(draw(NAMES), shape, draw(st.integers(1, 1000)), images)
    target = draw(st.sampled_from(PROCESSORS))
    return Answers(data, target, draw(LIMIT), draw(LIMIT), draw(st.floats(1e-3, 1e5)))


def declared(config: StudyConfig, data: Glimpse) -> JointSpace:
    quantization = config.quantization
    methods = MethodSpace(quantization.methods("weight"), quantization.methods("activation"))
    stages = stages_of(config.space)
    return JointSpace(stages, methods, input_shape=data.shape, classes=data.classes)


@settings(max_examples=40, deadline=None)
@given(answers())
def test_the_file_says_what_was_answered_and_can_be_searched(given_answers):
    try:
        text = study_file(given_answers, file="a b.yaml", schema="s.json")
    except ConfigError as error:
        assert "allow more" in str(error)
        assert given_answers.packed_kb is not None
        return
    config = StudyConfig.from_text(text)
    CHECK.validate(yaml.safe_load(text))
    assert config.data.name == given_answers.data.name
    assert config.target == given_answers.target
    limits = {"packed_bytes": given_answers.packed_limit, "latency_ms": given_answers.latency_ms}
    for name, limit in limits.items():
        assert config.limits.get(name) == (None if limit is None else pytest.approx(limit))
    assert 0 < (config.search.minutes or 0) < given_answers.minutes
    space = declared(config, given_answers.data)
    controller = make(config.search.controller, space, config.search.options, seed=0)
    assert controller.batch == BATCH
    Reward(config.reward.transform, config.reward.metrics, config.limits)
    own = set(make_target(config.target).metrics) - set(EVERYWHERE)
    assert ("the target gives" in text) == bool(own)
    assert all(name in text for name in own)
    target = make_target(config.target)
    for method in config.quantization.methods("weight"):
        assert target.supports(method, "weight") is None


def test_every_key_that_the_file_sets_is_one_that_counts():
    """A text that sets nothing, or comments that swallow a key, would pass the test above."""
    data = Glimpse("photos", (3, 96, 96), 10, 5000)
    text = study_file(Answers(data, "onnxruntime-cpu", 30.0, 2.0, 60.0), file="a", schema="s")
    found = yaml.safe_load(text)
    assert list(found) == [
        *("data", "target", "space", "quantization", "sensitivity", "search", "reward"),
        *("limits", "train", "final"),
    ]
    assert found["space"]["override"]["stem"]["stride"] == [4]
    assert found["limits"] == {"packed_bytes": 30_000, "latency_ms": 2}
    assert found["reward"]["metrics"]["packed_bytes"]["reference"] == 30_000
    assert text.startswith("# yaml-language-server: $schema=s\n")


def test_a_tight_limit_narrows_the_space_until_candidates_keep_it():
    data = Glimpse("digits", (1, 8, 8), 10, 1438)
    wide, narrow = (fitting_space(data, "onnxruntime-cpu", limit) for limit in (None, 2.0))
    assert (wide.override, wide.packed_bytes > 4000) == ({}, True)
    config = StudyConfig.from_mapping(
        {"data": "digits", "space": {"template": "tiny", "override": narrow.override}}
    )
    found = survey(declared(config, data), 60, generator(0, 0, "survey"))
    assert sum(one.costs["packed_bytes"] <= 2000 for one in found) >= FITTING * 60


def test_a_limit_that_no_network_keeps_is_refused_with_the_smallest():
    data = Glimpse("digits", (1, 8, 8), 10, 1438)
    with pytest.raises(ConfigError, match=r"packs into 0\.1 kB \(the smallest .* \d\.\d kB\)"):
        fitting_space(data, "onnxruntime-cpu", 0.1)


@pytest.mark.parametrize("cores", [1, 2, 64])
@pytest.mark.parametrize("images", [2, 300, 60_000, 10**7])
@pytest.mark.parametrize("minutes", [0.01, 1, 15, 600])
def test_budgets_are_within_what_can_be(minutes, images, cores):
    size = budget(minutes, images, 4e6, cores)
    assert size.iterations >= 2
    assert 4 <= size.population <= 20
    assert size.epochs > 0 and size.final_epochs >= 1
    assert size.images is None or 0 < size.images <= images


def test_more_minutes_buy_more():
    short, long = (budget(minutes, 50_000, 4e6, cores=2) for minutes in (3, 120))
    assert short.sensitivity_epochs is None
    assert long.sensitivity_epochs is not None
    assert short.search_minutes == pytest.approx(0.55 * 3, rel=0.05)
    assert long.search_minutes == pytest.approx(0.7 * 120, rel=0.05), "sensitivity counts too"
    assert short.iterations < long.iterations
    assert short.final_epochs < long.final_epochs


def test_all_controllers_that_the_comment_names_exist():
    text = study_file(
        Answers(Glimpse("digits", (1, 8, 8), 10, 1438), "onnxruntime-cpu", None, None, 5),
        file="a",
        schema="s",
    )
    line = next(line for line in text.splitlines() if "controller:" in line)
    named = line.partition("controller: ")[2].replace("# or ", "").replace(",", "").split()
    assert len(named) >= 3
    assert all(name in CONTROLLERS for name in named)
