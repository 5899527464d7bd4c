"""Sensitivity as it is measured: which networks, which units, on which images (M4.2)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from bitwright.config import StudyConfig
from bitwright.quant.sensitivity import Probe
from bitwright.quant.spec import ROLES, Method
from bitwright.space.joint import JointSpace, MethodSpace
from bitwright.train.sensitivity import fixed_policy, measure
from bitwright.train.sensitivity_probe import Prober
from bitwright.train.shop import Shop

pytestmark = pytest.mark.usefixtures("one_thread")

METHODS = {"weights": ["lsq:1", "lsq:8"], "activations": ["lsq:4", "lsq:8"]}
QUICK = {"epochs": 1, "images": 100, "tune_steps": 2}


def study(config: Any, **changes: Any) -> StudyConfig:
    found: StudyConfig = config(
        **{
            "quantization": METHODS,
            "sensitivity": QUICK,
            "train__images": 512,
            **changes,
        }
    )
    return found


def space_of(shop: Shop, settings: StudyConfig) -> JointSpace:
    quantization = settings.quantization
    methods = MethodSpace(quantization.methods("weight"), quantization.methods("activation"))
    assert settings.space.stages is not None
    shape = shop.task.data.input.shape
    return JointSpace(settings.space.stages, methods, input_shape=shape, classes=10)


def prober_of(shop: Shop, settings: StudyConfig, progress: Callable[[int, int], None]) -> Prober:
    return Prober(
        shop,
        space_of(shop, settings),
        settings.sensitivity,
        settings.train,
        {
            "weight": settings.quantization.methods("weight"),
            "activation": settings.quantization.methods("activation"),
        },
        settings.search.seed,
        progress,
    )


def probes_of(shop: Shop, settings: StudyConfig) -> tuple[tuple[Probe, ...], list[tuple[int, int]]]:
    heard: list[tuple[int, int]] = []
    prober = prober_of(shop, settings, lambda done, total: heard.append((done, total)))
    return prober.probes(), heard


def test_every_unit_of_every_kind_takes_every_method(shop: Shop, config: Any) -> None:
    probes, heard = probes_of(shop, study(config))
    asked = {(probe.path, probe.kind, probe.role, str(probe.method)) for probe in probes}
    units = {
        ("stem/0", "conv"),
        ("body/0", "conv"),
        ("body/1", "conv"),
        ("body/0", "depthwise_separable"),
        ("body/1", "depthwise_separable"),
        ("head", "classifier"),
    }
    assert asked == {
        (path, kind, role, method)
        for path, kind in units
        for role, method in (
            ("weight", "lsq:1:channel"),
            ("weight", "lsq:8:channel"),
            ("activation", "lsq:4:tensor"),
            ("activation", "lsq:8:tensor"),
        )
    }
    assert len(probes) == len(asked)
    assert heard == [(done + 1, len(asked)) for done in range(len(asked))]


def test_a_changed_network_is_tuned_under_its_policy_from_the_first_step(
    shop: Shop, config: Any
) -> None:
    answers = []
    for part in (0.0, 0.8):
        settings = study(config, sensitivity={**QUICK, "tune_steps": 4}, train__full_precision=part)
        prober = prober_of(shop, settings, lambda done, total: None)
        inquiry = prober.inquiries()[0]
        trained = shop.build(inquiry.blueprint, seed=0)
        answers.append(prober.ask(inquiry.questions[0], inquiry.blueprint, trained))
    assert answers[0] == answers[1]


def test_pinned_units_are_not_asked_about(shop: Shop, config: Any) -> None:
    settings = study(config)
    space = space_of(shop, settings)
    pinned = tuple((role, Method("lsq", 8, role == "weight")) for role in ROLES)
    space = JointSpace(
        space.stages,
        dataclasses.replace(space.methods, pinned=pinned),
        input_shape=space.input_shape,
        classes=space.classes,
    )
    rows = measure(shop, space, settings, lambda done, total: None)
    assert {row.unit for row in rows} == {"conv", "depthwise_separable"}


def test_a_kind_is_found_where_the_middle_options_have_no_room_for_it(
    shop: Shop, config: Any
) -> None:
    pooling = {"name": "pool", "kinds": ["average_pool"], "depth": [1, 2, 3], "stride": [2, 1]}
    wide = {"name": "body", "kinds": ["conv", "average_pool"], "stride": [2, 1]}
    for stage in (pooling, wide):
        stages = [{"name": "stem", "width": [4]}, stage]
        probes, _ = probes_of(shop, study(config, space={"stages": stages}))
        assert ("average_pool", "activation") in {(probe.kind, probe.role) for probe in probes}


def test_a_kind_that_can_stand_nowhere_is_passed_over(shop: Shop, config: Any) -> None:
    stages = [{"name": "stem", "kinds": ["conv", "average_pool"], "width": [4], "stride": [1]}]
    probes, _ = probes_of(shop, study(config, space={"stages": stages}))
    assert {probe.kind for probe in probes} == {"conv", "classifier"}


def test_memory_follows_the_bits_and_one_seed_gives_one_result(shop: Shop, config: Any) -> None:
    probes, _ = probes_of(shop, study(config))
    by_key = {(p.path, p.kind, p.role, str(p.method)): p.performance for p in probes}
    for path, kind in {(probe.path, probe.kind) for probe in probes}:
        one = by_key[path, kind, "weight", "lsq:1:channel"]
        eight = by_key[path, kind, "weight", "lsq:8:channel"]
        assert one.memory < eight.memory
        assert one.latency is eight.latency is None, "latency has no weight, so it is not timed"
    again, _ = probes_of(shop, study(config))
    assert again == probes


def test_latency_is_timed_where_it_counts(shop: Shop, config: Any) -> None:
    settings = study(
        config,
        quantization={"weights": ["lsq:4"], "activations": ["lsq:8"]},
        sensitivity={**QUICK, "latency": 1.0},
        space={"stages": [{"name": "stem", "width": [4], "stride": [2]}]},
    )
    probes, _ = probes_of(shop, settings)
    assert all((probe.performance.latency or 0) > 0 for probe in probes)


def test_one_bit_weights_lose_more_than_eight(shop: Shop, config: Any) -> None:
    settings = study(config, sensitivity={**QUICK, "epochs": 6}, train__learning_rate=0.02)
    rows = measure(shop, space_of(shop, settings), settings, lambda done, total: None)
    loss = {(row.unit, row.role, row.method): row.loss for row in rows}
    for kind in ("conv", "depthwise_separable", "classifier"):
        assert loss[kind, "weight", "lsq:1:channel"] > loss[kind, "weight", "lsq:8:channel"]


def test_in_fixed_mode_the_policy_is_measured_beside_the_other_methods(
    shop: Shop, config: Any
) -> None:
    policy = {"weights": "lsq:2", "activations": "lsq:8"}
    quantization = {"mode": "fixed", "policy": policy, **METHODS}
    settings = study(config, quantization=quantization)
    rows = measure(shop, space_of(shop, settings), settings, lambda done, total: None)
    weights = {row.method for row in rows if row.role == "weight"}
    assert weights == {"lsq:1:channel", "lsq:2:channel", "lsq:8:channel"}
    judged = {row.method for row in rows if "threshold" in row.reason}
    assert judged == {"lsq:2:channel", "lsq:8:tensor"}


def test_the_fixed_policy_is_read_from_the_settings(config: Any) -> None:
    assert fixed_policy(config().quantization) is None
    policy = {"weights": "lsq:2", "activations": "affine:8"}
    found = fixed_policy(config(quantization={"mode": "fixed", "policy": policy}).quantization)
    assert found == {
        "weight": Method.parse("lsq:2"),
        "activation": Method.parse("affine:8", "activation"),
    }
