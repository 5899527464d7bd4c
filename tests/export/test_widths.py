"""Channels that the file has more than the model: where, how many, and that they cost nothing."""

from pathlib import Path

import numpy as np
import pytest

from bitwright.export import onnx_file, reference
from bitwright.export.runtime import open_session
from bitwright.export.widths import LANES, widths
from bitwright.graph import Graph
from bitwright.space.joint import expand
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of

EQUAL_LOGITS = 1e-5  # relative: sums of float32


def graph(*stages: dict[str, object], shape: tuple[int, ...] = (1, 8, 8), weight: str) -> Graph:
    return expand(blueprint_of(*stages, shape=shape, weight=weight))


def conv(name: str, width: int, **more: object) -> dict[str, object]:
    return {"name": name, "kinds": "conv", "width": width, **more}


def test_few_channels_become_sixteen() -> None:
    wide = widths(graph(conv("a", 8), conv("b", 24), weight="lsq:4"))
    assert wide["a/0/conv"] == LANES
    assert wide["b/0/conv"] == 24  # more than sixteen: the kernel is fast enough as it is


def test_depthwise_layers_and_what_they_read_become_a_multiple() -> None:
    separable = {"name": "b", "kinds": "depthwise_separable", "width": 40}
    wide = widths(graph(conv("a", 24), separable, weight="lsq:4"))
    assert wide["a/0/conv"] == wide["b/0/depthwise"] == 32
    assert wide["b/0/pointwise"] == 40


def test_layers_that_are_added_stay_equal() -> None:
    block = {"name": "b", "kinds": "inverted_bottleneck", "width": 12, "squeeze_excite": True}
    made = graph(conv("a", 12), block, weight="lsq:4")
    wide = widths(made)
    assert wide["a/0/conv"] == wide["b/0/project"] == wide["b/0/add"] == LANES
    assert wide["b/0/gate"] == wide["b/0/excite"] == wide["b/0/depthwise"] == 32


def test_an_image_is_widened_where_the_fast_kernel_reads_it() -> None:
    assert widths(graph(conv("a", 8), weight="lsq:4"))["input"] == 4
    assert widths(graph(conv("a", 8, kernel=5), weight="lsq:4"))["input"] == 1
    colour = graph(conv("a", 8, kernel=5), shape=(3, 8, 8), weight="lsq:4")
    assert widths(colour)["input"] == 4
    pool = {"name": "a", "kinds": "max_pool", "stride": 2}
    assert widths(graph(pool, conv("b", 8), weight="lsq:4"))["input"] == 1


def test_logits_are_never_widened() -> None:
    made = graph(conv("a", 8), weight="lsq:4")
    assert widths(made)[made.output.name] == 10


@pytest.mark.parametrize("weight", ["lsq:1", "lsq:3", "affine:4", "affine:8:tensor", "affine:8"])
def test_a_widened_network_gives_the_references_logits(weight: str, tmp_path: Path) -> None:
    made = graph(
        conv("a", 5, kernel=5),
        {"name": "b", "kinds": "inverted_bottleneck", "width": 5, "squeeze_excite": True},
        {"name": "c", "kinds": "depthwise_separable", "width": 20},
        {"name": "d", "kinds": "average_pool", "stride": 2},
        {"name": "e", "kinds": "conv", "width": 9},
        {"name": "f", "kinds": "fully_connected", "width": 7},
        shape=(3, 8, 8),
        weight=weight,
    )
    model = random_model(made, np.random.default_rng(0))
    images = random_images(made, 20, np.random.default_rng(1))
    path = tmp_path / "model.onnx"
    onnx_file.write(model, path, {})
    session = open_session(path, threads=1)
    found = session.run(None, {"images": images})[0]
    exact = reference.run(model, images)
    apart = np.abs(found - exact).max(1) > EQUAL_LOGITS * np.abs(exact).max()
    assert apart.mean() <= 0.1  # images in which a code was rounded the other way
    assert np.abs(exact).max() > 0
