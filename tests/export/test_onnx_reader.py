"""An exported file read back is the model that was written, number for number."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from bitwright.config import StageConfig
from bitwright.errors import ExportError, InvalidGenome, TargetError
from bitwright.export import onnx_file, reference
from bitwright.export.integer import IntegerModel
from bitwright.export.onnx_layers import LAYERS_KEY
from bitwright.export.onnx_reader import read
from bitwright.graph import Graph, GraphBuilder
from bitwright.quant.names import TRANSFORMS, refusal
from bitwright.quant.spec import Method, Role
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.testing.integer_models import assert_same_model, random_images, random_model
from bitwright.testing.networks import blueprint_of

PIXELS = Method("uniform", 8, per_channel=False)


def methods(role: Role) -> list[Method]:
    """Every method that a file can hold in that role."""
    grains = (False, True) if role == "weight" else (False,)
    found = itertools.starmap(Method, itertools.product(TRANSFORMS, range(1, 9), grains))
    return [method for method in found if refusal(method, role) is None]


def network(weight: Method, activation: Method) -> Graph:
    """Every kind of layer, with channels that the file widens and others that it does not."""
    build = GraphBuilder((3, 12, 12), PIXELS)
    quantized = {"weight": weight, "activation": activation}
    build.conv("stem", "input", unit="stem", width=8, kernel=3, **quantized)
    build.conv("a", "stem", unit="u", width=8, kernel=5, depthwise=True, **quantized)
    build.global_average_pool("mean", "a", unit="u", activation=activation)
    build.linear("squeeze", "mean", unit="u", width=4, signed=False, **quantized)
    build.linear("gate", "squeeze", unit="u", width=8, signed=False, gate=True, **quantized)
    build.multiply("excite", "a", "gate", unit="u", activation=activation)
    build.conv("b", "excite", unit="u", width=8, kernel=1, relu=False, **quantized)
    build.add("sum", "stem", "b", unit="u", activation=activation, relu=True)
    build.conv("c", "sum", unit="c", width=12, kernel=3, stride=2, **quantized)
    build.pool("max", "c", unit="p", mode="max", size=2, activation=activation)
    build.pool("average", "max", unit="p", mode="average", size=3, activation=activation)
    build.linear("head", "average", unit="head", width=10, weight=weight, activation=None)
    return build.finish()


def round_trip(model: IntegerModel, path: Path) -> IntegerModel:
    onnx_file.write(model, path, {"study": "x"})
    return read(path)


@pytest.mark.parametrize("weight", methods("weight"), ids=str)
def test_every_method_comes_back(weight: Method, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    activations = methods("activation")
    activation = activations[methods("weight").index(weight) % len(activations)]
    model = random_model(network(weight, activation), rng)
    assert_same_model(model, round_trip(model, tmp_path / "m.onnx"))


@pytest.mark.parametrize("activation", methods("activation"), ids=str)
def test_every_activation_comes_back(activation: Method, tmp_path: Path) -> None:
    model = random_model(network(Method.parse("lsq:4"), activation), np.random.default_rng(1))
    assert_same_model(model, round_trip(model, tmp_path / "m.onnx"))


KINDS = ("conv", "depthwise_separable", "inverted_bottleneck", "residual", "identity")
SPACE = JointSpace(
    (
        StageConfig(name="stem", width=(4, 16), kernel=(3, 5), stride=(1, 2)),
        StageConfig(
            name="body",
            kinds=(*KINDS, "max_pool", "average_pool"),
            depth=(1, 2),
            width=(8, 20),
            stride=(1, 2),
            kernel=(1, 3),
            expansion=(2,),
            squeeze_excite=(False, True),
        ),
        StageConfig(name="top", kinds=("fully_connected", "identity"), width=(12,)),
    ),
    MethodSpace(tuple(methods("weight")), tuple(methods("activation"))),
    input_shape=(3, 10, 10),
    classes=5,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_every_network_comes_back(data: st.DataObject, seed: int, tmp_path: Path) -> None:
    try:
        genome = SPACE.fill(lambda choice: data.draw(st.sampled_from(choice.options)))
        graph = expand(SPACE.decode(genome))
    except InvalidGenome:
        return
    model = random_model(graph, np.random.default_rng(seed))
    try:
        found = round_trip(model, tmp_path / "m.onnx")
    except ExportError:  # a mean next to a dead layer, which cannot be written
        return
    assert_same_model(model, found)
    images = random_images(graph, 2, np.random.default_rng(seed))
    assert np.array_equal(reference.run(found, images), reference.run(model, images))


def test_what_was_read_writes_the_same_file(tmp_path: Path) -> None:
    graph = network(Method.parse("affine:5"), Method("lsq", 4, False))
    model = random_model(graph, np.random.default_rng(2))
    found = round_trip(model, tmp_path / "m.onnx")
    onnx_file.write(found, tmp_path / "again.onnx", {"study": "x"})
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "m.onnx").read_bytes()


def test_a_file_grows_little_by_what_it_says_of_its_layers(tmp_path: Path) -> None:
    blueprint = blueprint_of(
        {"name": "stem", "width": 16},
        {"name": "body", "kinds": "residual", "depth": 3, "width": 16},
    )
    model = random_model(expand(blueprint), np.random.default_rng(0))
    proto = onnx_file.build(model, {})
    told = {item.key: item.value for item in proto.metadata_props}[LAYERS_KEY]
    assert len(model.layers) == 13
    assert len(told) < 600


def other(path: Path, **changes: Any) -> None:
    """A float network of another program."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    onnx.save(helper.make_model(graph, **changes), path)


def test_other_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(TargetError, match="there is no model file"):
        read(path)
    path.write_bytes(b"\x08\x07nonsense")
    with pytest.raises(TargetError, match="is no ONNX file, or a broken one"):
        read(path)
    other(path, producer_name="pytorch")
    with pytest.raises(TargetError, match="was not exported by bitwright but by 'pytorch'"):
        read(path)


def test_files_of_ours_that_were_changed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    model = random_model(network(Method.parse("lsq:4"), PIXELS), np.random.default_rng(0))
    proto = onnx_file.build(model, {})
    for item in proto.metadata_props:
        if item.key == LAYERS_KEY:
            item.value = item.value[:-8]
    onnx.save(proto, path)
    with pytest.raises(TargetError, match="is not as bitwright writes files"):
        read(path)
    del proto.metadata_props[:]
    onnx.save(proto, path)
    with pytest.raises(TargetError, match="was exported by an older bitwright"):
        read(path)
    proto = onnx_file.build(model, {})
    del proto.graph.node[-4:]
    onnx.save(proto, path)
    with pytest.raises(TargetError, match="is not as bitwright writes files"):
        read(path)
