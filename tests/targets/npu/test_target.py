"""Accelerators as targets: what they run, what they are said to cost, and studies for them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitwright.config import StageConfig
from bitwright.control.operators import sample
from bitwright.errors import ConfigError, TargetError
from bitwright.graph import Graph
from bitwright.quant.names import TRANSFORMS, refusal
from bitwright.quant.spec import ROLES, Method, Role
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.space.runnable import runnable
from bitwright.study.session import run, search, view
from bitwright.targets.base import TARGETS, make
from bitwright.targets.npu.accelerator import SHIPPED, Accelerator
from bitwright.targets.npu.roofline import run as modelled
from bitwright.targets.npu.target import Npu
from bitwright.testing.integer_models import random_model
from bitwright.testing.networks import blueprint_of
from bitwright.testing.targets import CHECKS

SOLID = """\
name: solid
clock_mhz: 100
layers: [conv, linear, global_average_pool, add]
pairs:
  - {weights: 4, activations: 8, macs_per_cycle: 16, mac_pj: 0.2}
depthwise_utilization: 1
vector: {ops_per_cycle: 4, op_pj: 0.1}
on_chip: {bytes: 4096, byte_pj: 1}
off_chip: {bytes_per_cycle: 2, byte_pj: 100}
"""


@pytest.fixture
def solid(tmp_path: Path) -> Path:
    """An accelerator of one pair, which has no depthwise convolutions."""
    path = tmp_path / "solid.yaml"
    path.write_text(SOLID)
    return path


def network(*, weight: str = "lsq:4:channel", **body: Any) -> Graph:
    stages = {"name": "stem", "width": 8}, {"name": "body", "width": 8, **body}
    return expand(blueprint_of(*stages, weight=weight))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_accelerator_keeps_the_contract(name: str, check: Any) -> None:
    check(make(f"npu:{name}"))


def test_it_is_named_with_its_file(solid: Path) -> None:
    assert TARGETS.get("npu") is Npu
    target = make(f"npu:{solid}")
    assert isinstance(target, Npu) and target.accelerator.name == "solid"
    assert target.fingerprint == Accelerator.named(str(solid)).digest
    with pytest.raises(ConfigError, match="target 'npu' needs an accelerator's YAML file"):
        make("npu")
    with pytest.raises(ConfigError, match=r"'gone\.yaml' cannot be read: No such file"):
        make("npu:gone.yaml")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_wide_accelerator_runs_every_integer_method(transform: str, role: Role) -> None:
    for bits in range(1, 9):
        method = Method(transform, bits, per_channel=False)
        assert make("npu:int8").supports(method, role) == refusal(method, role)


def test_what_it_does_not_support_it_says(solid: Path) -> None:
    target = make(f"npu:{solid}")
    parse = Method.parse
    assert target.supports(parse("lsq:3"), "weight") is None, "it runs at 4 bits"
    assert target.supports(parse("lsq:5"), "weight") == (
        "accelerator 'solid' has no weights of 5 bits; its pairs of weights and activations are 4x8"
    )
    uneven = target.supports(parse("apot:4"), "weight")
    assert uneven is not None and "no weights of 8 bits" in uneven, "its codes have 8"
    by_channel = target.supports(parse("lsq:8:channel"), "activation")
    assert by_channel is not None and "one scale for its whole input" in by_channel
    full = target.supports(parse("none:16"), "weight")
    assert full == "accelerator 'solid' computes in integers; take 1 to 4 bits"
    exact = Npu(Accelerator.from_text(SOLID + "widen: false\n", source="exact"))
    assert exact.supports(parse("lsq:4"), "weight") is None
    assert "no weights of 3 bits" in (exact.supports(parse("lsq:3"), "weight") or "")


def test_what_it_counts_is_what_the_model_says(solid: Path) -> None:
    target, graph = make(f"npu:{solid}"), network()
    found = modelled(graph, Accelerator.named(str(solid)))
    assert target.counted(graph) == {
        "cycles": found.cycles,
        "latency_ms": pytest.approx(found.cycles / 100e6 * 1000),
        "energy_uj": found.energy_uj,
    }


def test_a_measurement_says_that_it_is_modelled_and_of_what(tmp_path: Path) -> None:
    model = random_model(network(), np.random.default_rng(0))
    target = make("npu:edge-8-4")
    target.export(model, tmp_path / "model.onnx", {})
    measured = target.measure(tmp_path / "model.onnx")
    assert dict(measured["cycles"].context) == {"accelerator": "edge-8-4", "modelled": "roofline"}
    assert measured["cycles"].spread is None


def test_it_lacks_what_its_file_does_not_list(solid: Path) -> None:
    target = make(f"npu:{solid}")
    assert target.lacks(network(kinds="residual")) is None
    reason = "accelerator 'solid' does not run 'depthwise'"
    assert target.lacks(network(kinds="depthwise_separable")) == reason
    gated = network(kinds="inverted_bottleneck", squeeze_excite=True)
    assert make("npu:int8").lacks(gated) == "accelerator 'int8' does not run 'multiply'"
    with pytest.raises(TargetError, match="'int8' does not run 'multiply'"):
        make("npu:int8").counted(gated)


REWARD = {"metrics": {"accuracy": {}, "cycles": {"weight": 0.1, "reference": 1000}}}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_for_each_shipped_accelerator(name: str, config: Any, tmp_path: Path) -> None:
    methods = {"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:4", "lsq:8"]}
    body = {"name": "body", "kinds": ["conv", "inverted_bottleneck"], "squeeze_excite": [0, 1]}
    settings = {
        "target": f"npu:{name}",
        "quantization": methods,
        "reward": REWARD,
        "space": {"stages": [{"name": "stem", "width": [8, 16]}, body]},
        "search__iterations": 3,
    }
    found = run(config(**settings), tmp_path / "study")
    for outcome in found.outcomes:
        metrics = dict(outcome.metrics)
        assert outcome.state == "complete"
        assert {"cycles", "latency_ms", "energy_uj", "file_bytes"} <= metrics.keys()
        assert outcome.reward == pytest.approx(
            metrics["accuracy"].value * (metrics["cycles"].value / 1000) ** -0.1
        )
    gone = "body squeeze_excite 1 of inverted_bottleneck: accelerator 'int8' does not run"
    assert any(line.startswith(gone) for line in found.removed) == (name == "int8")
    again = run(config(**settings), tmp_path / "again")
    assert [one.metrics for one in again.outcomes] == [one.metrics for one in found.outcomes]


@pytest.mark.usefixtures("one_thread")
def test_a_limit_on_cycles_is_checked_before_training(config: Any, tmp_path: Path) -> None:
    settings = {"target": "npu:bit-fusion", "reward": REWARD, "search__iterations": 4}
    found = run(config(**settings, limits={"cycles": 450}), tmp_path / "study")
    broken = [outcome for outcome in found.outcomes if outcome.state == "infeasible"]
    assert broken and len(broken) < len(found.outcomes)
    for outcome in broken:
        assert outcome.reason is not None and outcome.reason.startswith("cycles ")
        assert "train" not in dict(outcome.seconds)


@pytest.mark.usefixtures("one_thread")
def test_unsupported_methods_kinds_and_changed_files_are_refused(
    solid: Path, config: Any, tmp_path: Path
) -> None:
    target = f"npu:{solid}"
    with pytest.raises(TargetError, match="weight method 'lsq:8:channel' is not for target"):
        run(config(target=target), tmp_path / "study")
    methods = {"weights": ["lsq:2", "lsq:4"], "activations": ["lsq:8"]}
    settings = config(target=target, quantization=methods, baseline=True)
    run(settings, tmp_path / "study")
    found = view(tmp_path / "study")
    gone = "body depthwise_separable: accelerator 'solid' does not run 'depthwise'"
    assert found.removed[0] == gone
    assert found.removed[1].startswith("8-bit baseline: lsq:8:channel: accelerator 'solid' has no")
    assert {unit.kind for one in found.outcomes for unit in one.units} == {"conv", "classifier"}
    solid.write_text(SOLID.replace("16", "32"))
    with pytest.raises(ConfigError, match="begun for another target"):
        search(tmp_path / "study")


EXACT = """\
name: exact
clock_mhz: 100
layers: [conv, linear, add, max_pool, global_average_pool]
widen: false
pairs:
  - {weights: 4, activations: 8, macs_per_cycle: 16, mac_pj: 0.2}
  - {weights: 4, activations: 4, macs_per_cycle: 32, mac_pj: 0.2}
  - {weights: 2, activations: 8, macs_per_cycle: 16, mac_pj: 0.2}
  - {weights: 2, activations: 4, macs_per_cycle: 16, mac_pj: 0.2}
depthwise_utilization: 1
vector: {ops_per_cycle: 4, op_pj: 0.1}
on_chip: {bytes: 1000, byte_pj: 1}
off_chip: {bytes_per_cycle: 2, byte_pj: 100}
"""


@pytest.mark.parametrize("name", [*SHIPPED, "exact"])
def test_no_candidate_is_proposed_that_it_cannot_run(name: str) -> None:
    """Whatever a space holds, once what the accelerator lacks and refuses has left it."""
    text = Accelerator.from_text(EXACT, source="exact") if name == "exact" else None
    target = Npu(text or Accelerator.named(name))
    methods = {
        role: tuple(
            method
            for method in (Method.parse(f"{kind}:{bits}", role) for bits in range(1, 9))
            if target.supports(method, role) is None
        )
        for role, kind in (("weight", "lsq"), ("activation", "uniform"))
    }
    body = {
        "name": "body",
        "kinds": ["conv", "depthwise_separable", "inverted_bottleneck", "residual", "max_pool"],
        "depth": [1, 2],
        "width": [8, 16],
        "stride": [1, 2],
        "squeeze_excite": [False, True],
    }
    stages = tuple(StageConfig.model_validate(one) for one in ({"name": "stem"}, body))
    offered = MethodSpace(methods["weight"], methods["activation"])
    space = JointSpace(stages, offered, input_shape=(1, 8, 8), classes=10)
    space = runnable(space, target.lacks).space
    rng = np.random.default_rng(0)
    for _ in range(200):
        graph = expand(space.decode(sample(space, rng)))
        assert target.lacks(graph) is None
        assert all(value > 0 for value in target.counted(graph).values())
