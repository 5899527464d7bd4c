"""Scratch memory: as many rows at a time as need no more of it; any number gives the same codes."""

import numpy as np
import pytest

from bitwright.export import reference
from bitwright.export.c.cores import CORES
from bitwright.export.c.memory import memory_of, scratch_name
from bitwright.export.integer import IntegerModel
from bitwright.graph import GraphBuilder
from bitwright.measure.qemu import emulator
from bitwright.quant.spec import Method
from bitwright.testing.c_networks import PIXELS, every_layer
from bitwright.testing.integer_models import random_images, random_model


def narrowing(channels: int) -> IntegerModel:
    """A network whose memory peaks at its first layers: deep ones have room to spare."""
    build = GraphBuilder((3, 16, 16), PIXELS)
    how = {"unit": "u", "weight": Method.parse("lsq:8"), "activation": Method.parse("lsq:8:tensor")}
    build.conv("wide", "input", width=channels, kernel=3, **how)
    build.conv("same", "wide", width=channels, kernel=3, **how)
    build.conv("deep", "same", width=channels, kernel=3, depthwise=True, **how)
    build.conv("half", "deep", width=channels, kernel=3, stride=4, **how)
    build.conv("last", "half", width=channels, kernel=1, **how)
    build.linear("head", "last", unit="h", width=3, weight=how["weight"], activation=None)
    return random_model(build.finish(), np.random.default_rng(0))


def test_layers_with_room_to_spare_take_all_rows_and_memory_stays_the_least() -> None:
    model = narrowing(32)
    found = memory_of(model.graph)
    least = {"wide": 8, "same": 4, "deep": 1, "half": 4, "last": 8}
    assert found.plan.size_bytes <= memory_of(model.graph, least).plan.size_bytes + 2048
    assert found.rows["last"] == 32
    assert found.rows["same"] < 32
    assert all(found.rows[name] >= rows for name, rows in least.items())
    again = memory_of(model.graph, found.rows)
    assert again.plan == found.plan


def test_every_layer_with_weights_has_scratch() -> None:
    model = narrowing(32)
    weighted = [node for node in model.graph.nodes if node.op in ("conv", "linear")]
    assert {scratch_name(node) for node in weighted} <= memory_of(model.graph).plan.offsets.keys()


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_any_number_of_rows_at_a_time_gives_the_same_codes(rows: int) -> None:
    if emulator.missing():
        pytest.skip(f"nothing of QEMU is tested: {emulator.missing()}")
    model = random_model(every_layer("lsq:5", "lsq:8:tensor"), np.random.default_rng(1))
    images = random_images(model.graph, 2, np.random.default_rng(2))
    each = {node.name: rows for node in model.graph.nodes if node.op == "conv"}
    found = emulator.run(model, CORES["cortex-m4"], images, traced=True, rows=each)
    assert found.outputs is not None
    for name, codes in reference.trace(model, images).items():
        if name in found.outputs:
            assert np.array_equal(found.outputs[name], codes), name
