"""Networks that were never trained: as large, and as long at work, as those that were."""

import numpy as np
import pytest
import torch

from bitwright.errors import TargetError
from bitwright.export import reference
from bitwright.export.c.model_source import write_model
from bitwright.export.c.rescales import careful, conv_rescale_of
from bitwright.graph import Graph, GraphBuilder
from bitwright.measure.qemu.stand_in import IMAGE, ITSELF, alone, stand_in
from bitwright.nets.build import QuantNet
from bitwright.quant.spec import Method
from bitwright.space.joint import expand
from bitwright.testing.c_networks import PIXELS, every_layer
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of

METHODS = (
    *(("lsq:3", "lsq:8:tensor"), ("affine:8:channel", "affine:4:tensor"), ("binary:1", "pact:2")),
    *(("apot:4", "apot:4:tensor"), ("codebook:3:channel", "lsq:8:tensor"), ("dorefa:5", "lsq:4")),
)


def graph_of(weight: str, activation: str) -> Graph:
    return every_layer(weight, str(Method.parse(activation, "activation")))


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_its_constants_and_maps_are_those_of_a_real_one(weight: str, activation: str) -> None:
    graph = graph_of(weight, activation)
    real = write_model(random_model(graph, np.random.default_rng(0)), {})
    found = write_model(stand_in(graph), {})
    assert found.arena == real.arena
    assert found.functions == real.functions
    assert found.data_bytes == real.data_bytes


@pytest.mark.parametrize(("weight", "activation"), METHODS)
def test_sums_of_usual_size_fill_the_grid(weight: str, activation: str) -> None:
    model = stand_in(graph_of(weight, activation))
    images = random_images(model.graph, 4, np.random.default_rng(0))
    codes, high = reference.trace(model, images)["stem"], model.grid("stem").high
    assert high / 2 < codes.max() <= high
    assert (codes < high).mean() > 0.3


def test_only_where_all_scales_are_powers_of_two_do_channels_need_care() -> None:
    def cared(weight: str, activation: str) -> int:
        model = stand_in(graph_of(weight, activation))
        layer = model.layer("point")
        return careful(conv_rescale_of(layer, reference.worst_sum(model, layer)))

    assert cared("power_of_two:8:tensor", "power_of_two:8:tensor") > 0
    assert cared("power_of_two:8:tensor", "lsq:8:tensor") == 0
    assert cared("lsq:8", "power_of_two:8:tensor") == 0


@pytest.mark.parametrize("weight", ["power_of_two:8", "power_of_two:8:tensor", "lsq:8"])
def test_as_many_channels_need_care_as_in_a_network_with_norms(weight: str) -> None:
    """Steps by channel take the norm in when it is folded: they are no powers of two any more."""
    stages = ({"name": "stem", "width": 8}, {"name": "body", "width": 8})
    graph = expand(blueprint_of(*stages, weight=weight, activation="power_of_two:8:tensor"))
    net = QuantNet(graph, input_step=0.02, input_zero=120).train()
    net(torch.from_numpy(random_images(graph, 16, np.random.default_rng(0))))
    found = []
    for model in (net.eval().to_integer(), stand_in(graph)):
        layer = model.layer("body/0/conv")
        found.append(careful(conv_rescale_of(layer, reference.worst_sum(model, layer))))
    assert found[0] == found[1] == (1 if weight == "power_of_two:8:tensor" else 0)


@pytest.mark.parametrize("name", [node.name for node in every_layer("lsq:4", "lsq:8").nodes[1:]])
def test_every_layer_alone_is_a_network(name: str) -> None:
    graph = graph_of("lsq:4", "lsq:8:tensor")
    node = graph.node(name)
    own, before = alone(graph, node)
    assert own.input.name == IMAGE and own.output.name == ITSELF
    assert (own.output.shape, own.output.weight) == (node.shape, node.weight)
    assert before == (1 if node.op == "multiply" else 0)
    assert write_model(stand_in(own), {}).data_bytes > 0


def test_what_is_not_quantized_is_refused() -> None:
    build = GraphBuilder((1, 2, 2), PIXELS)
    full = Method.parse("none:32")
    build.conv("conv", "input", unit="u", width=2, kernel=1, weight=PIXELS, activation=full)
    build.linear("head", "conv", unit="h", width=2, weight=PIXELS, activation=None)
    with pytest.raises(TargetError, match=r"'conv': 'none:32.*take methods of 1 to 8 bits"):
        stand_in(build.finish())
