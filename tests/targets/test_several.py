"""Several targets as one: what one of them refuses is refused; each measures under its name."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import yaml

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError, ExportError, TargetError
from bitwright.measure.qemu import emulator
from bitwright.quant.spec import Method
from bitwright.records import Measurement
from bitwright.space.joint import expand
from bitwright.study import parts
from bitwright.study.session import run
from bitwright.targets import npu
from bitwright.targets.base import TARGETS, Foretold, make
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu
from bitwright.targets.several import Several, label_of, make_all, metrics_of
from bitwright.testing import targets as contract
from bitwright.testing.integer_models import random_model
from bitwright.testing.networks import blueprint_of

BOTH = ("onnxruntime-cpu", "npu:edge-8-4")
OF_EDGE = "npu:edge-8-4"
STUDY = {
    "data": "digits",
    "space": "tiny",
    "targets": list(BOTH),
    "quantization": {"weights": ["lsq:4:channel", "lsq:8:channel"]},
    "reward": {
        "metrics": {
            "accuracy": {"weight": 1},
            "cycles@npu:edge-8-4": {"weight": 0.1, "reference": 10_000},
        }
    },
    "sensitivity": {"enabled": False},
    "search": {"controller": "random", "iterations": 2, "options": {"batch": 2}},
    "train": {"epochs": 0.2},
    "final": {"epochs": 0.2},
    "baseline": False,
}


@pytest.fixture
def exported(tmp_path):
    graph = expand(blueprint_of({"name": "stem", "width": 8}))
    path = tmp_path / "model.onnx"
    make_all(BOTH).export(random_model(graph, np.random.default_rng(0)), path, {})
    return graph, path


@pytest.mark.parametrize(
    "check",
    [
        contract.answers_for_every_method,
        contract.says_what_it_lacks,
        contract.says_what_it_is_called,
        contract.keeps_the_metadata,
        contract.computes_what_the_integer_model_does,
        contract.counts_what_it_measures,
        contract.foretells_what_is_asked,
    ],
)
def test_several_keep_the_contract_of_one(check):
    check(make_all(BOTH))


def test_a_method_must_run_on_all_of_them():
    slow = Method.parse("affine:8:channel")
    assert make("cortex-m4").supports(slow, "weight") is None
    refused = make_all(("cortex-m4", "onnxruntime-cpu")).supports(slow, "weight")
    assert refused is not None and refused.startswith("onnxruntime-cpu: 8-bit weights with a zero")


def test_layers_must_be_there_on_all_of_them():
    graph = expand(blueprint_of({"name": "body", "kinds": "depthwise_separable", "width": 8}))

    class Plain(OnnxRuntimeCpu):
        def lacks(self, graph):
            return "no depthwise" if any("depthwise" in str(n) for n in graph.nodes) else None

    both = Several({"a": OnnxRuntimeCpu(), "b": Plain()})
    assert both.lacks(graph) == "b: no depthwise"


def test_each_measures_the_one_file_under_its_name(exported):
    graph, path = exported
    both = make_all(BOTH)
    found = both.measure(path)
    assert set(found) == set(both.metrics) == set(metrics_of(BOTH))
    assert found["file_bytes"].value == path.stat().st_size
    assert found["cycles@npu:edge-8-4"] == make(OF_EDGE).measure(path)["cycles"]
    assert both.counted(graph) == {
        f"{name}@{OF_EDGE}": value for name, value in make(OF_EDGE).counted(graph).items()
    }


def test_each_foretells_under_its_name(exported):
    graph, _ = exported

    class Foretelling(OnnxRuntimeCpu):
        def foretold(self, graph, needs):
            return {name: Foretold(2.0, 0.1) for name in needs}

    both = Several({"a": Foretelling(), "b": make(OF_EDGE), "c": OnnxRuntimeCpu()})
    assert both.foretold(graph, {"latency_ms@a", "cycles@b", "accuracy"}) == {
        "latency_ms@a": Foretold(2.0, 0.1)
    }


def test_only_what_is_asked_for_is_timed(exported):
    _, path = exported
    both = make_all(BOTH)
    modelled = {"file_bytes", *(f"{name}@{OF_EDGE}" for name in ("latency_ms", "cycles"))}
    assert both.timed and not both.times(modelled)
    timed = "latency_ms@onnxruntime-cpu"
    assert timed not in both.measured(path, modelled)
    assert both.times({timed}) and timed in both.measured(path, {timed})


def test_the_first_judges_and_its_file_is_shipped_once_all_could_export_it(exported, tmp_path):
    class Refusing(OnnxRuntimeCpu):
        def export(self, model, path, metadata):
            raise ExportError("too large for me")

    class Marking(OnnxRuntimeCpu):
        def export(self, model, path, metadata):
            super().export(model, path, {**metadata, "by": "the second"})

    model = random_model(exported[0], np.random.default_rng(0))
    path = tmp_path / "again.onnx"
    with pytest.raises(ExportError, match="too large"):
        Several({"a": OnnxRuntimeCpu(), "b": Refusing()}).export(model, path, {})
    first = OnnxRuntimeCpu()
    both = Several({"a": first, "b": Marking()})
    both.export(model, path, {"by": "the first"})
    assert both.load(path).metadata["by"] == "the first" and both.leading is first


def test_they_are_named_as_the_study_names_them(tmp_path):
    assert [label_of(name) for name in (*BOTH, f"npu:{tmp_path}/chip.yaml")] == [*BOTH, "npu:chip"]
    with pytest.raises(ConfigError, match="are both called 'npu:edge-8-4'"):
        metrics_of((OF_EDGE, f"npu:{Path(npu.__file__).parent / 'edge-8-4.yaml'}"))
    assert metrics_of(("cortex-m4",)) == TARGETS.get("cortex-m4").metrics


def test_a_fingerprint_tells_of_each_that_has_one():
    both = make_all(BOTH)
    assert both.fingerprint == f"{OF_EDGE}={make(OF_EDGE).fingerprint}"
    assert pickle.loads(pickle.dumps(both)).fingerprint == both.fingerprint


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "cortex-m4"}, "'target' and 'targets' both say what to search for"),
        ({"targets": None, "target": None}, "there is no 'target' to search for"),
        ({"targets": ["cortex-m4"]}, "at least 2"),
    ],
)
def test_a_study_names_one_or_several(changed, said):
    with pytest.raises(ConfigError, match=said):
        StudyConfig.from_mapping({**STUDY, **changed})


def test_a_study_of_several_is_written_and_read():
    config = StudyConfig.from_mapping(STUDY)
    assert config.processors == BOTH
    assert StudyConfig.from_text(config.to_yaml()) == config
    assert StudyConfig.from_mapping({"data": "digits", "space": "tiny"}).processors == BOTH[:1]


def test_a_metric_of_several_is_asked_for_by_its_target():
    with pytest.raises(ConfigError, match="say which one's it is to be: 'latency_ms@onnxruntime"):
        parts.check(StudyConfig.from_mapping({**STUDY, "limits": {"latency_ms": 1}}))
    with pytest.raises(ConfigError, match="did you mean 'cycles@npu:edge-8-4'"):
        parts.check(StudyConfig.from_mapping({**STUDY, "limits": {"cycles@npu:edge": 1}}))
    with pytest.raises(TargetError, match="onnxruntime-cpu: the target computes in integers"):
        free = {"weights": ["none:32"], "activations": ["lsq:8"]}
        parts.check(StudyConfig.from_mapping({**STUDY, "quantization": free}))


def test_metrics_of_several_need_no_quotes_in_a_study_file():
    text = "{cycles@npu:edge-8-4: 3, latency_ms@cortex-m4: 0.5}"
    assert yaml.safe_load(text) == {"cycles@npu:edge-8-4": 3, "latency_ms@cortex-m4": 0.5}


def test_a_study_rewards_one_and_limits_another(tmp_path):
    limits = {"cycles@npu:edge-8-4": 30_000}
    config = StudyConfig.from_mapping({**STUDY, "limits": limits})
    view = run(config, tmp_path / "both")
    assert len(view.outcomes) == 4
    for outcome in view.outcomes:
        cycles = outcome.metric("cycles@npu:edge-8-4")
        assert cycles is not None
        assert (outcome.state == "infeasible") == (cycles > 30_000)
        assert outcome.metric("latency_ms@onnxruntime-cpu") is None, "nobody asked for it"
    final = view.final
    assert final is not None and final.metric("latency_ms@onnxruntime-cpu") is not None
    assert final.metric("test_accuracy@onnxruntime-cpu") == final.test_accuracy
    assert final.metric("test_accuracy@npu:edge-8-4") == final.test_accuracy, "one arithmetic"


def test_a_microcontroller_beside_a_processor_is_measured_exactly(exported):
    if emulator.missing():
        pytest.skip(f"not measured: {emulator.missing()}")
    found = make_all(("onnxruntime-cpu", "cortex-m4")).measured(exported[1], ())
    assert found["instructions@cortex-m4"].value > 0
    assert isinstance(found["flash_bytes@cortex-m4"], Measurement)
