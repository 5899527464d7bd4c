"""Networks whose activations lie on fixed ranges of several widths: every runtime rounds alike."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.nets.build import QuantNet
from bitwright.quant.spec import Method
from bitwright.space.joint import expand
from bitwright.targets.base import make
from bitwright.testing.networks import blueprint_of

METHODS = ("dorefa:3", "dorefa:4", "power_of_two:6")
TARGETS = ("onnxruntime-cpu", "openvino", "litert")
IMAGES = 300
DIFFERENT = 0.01  # of the images: what other sums in a runtime may move over a true half


def mixed(first: int) -> IntegerModel:
    """Sums, means and gates, each unit's activations by another method than its neighbours'."""
    blueprint = blueprint_of(
        {"name": "stem", "width": 8},
        {"name": "body1", "kinds": ["residual"], "depth": 2, "width": 16, "stride": 2},
        {"name": "body2", "kinds": ["inverted_bottleneck"], "width": 16, "squeeze_excite": True},
        {"name": "body3", "kinds": ["average_pool"], "width": 16, "stride": 2},
    )
    methods = itertools.cycle([*METHODS[first:], *METHODS[:first]])
    policy = tuple(
        (site, Method.parse(next(methods), "activation") if site.role == "activation" else method)
        for site, method in blueprint.policy
    )
    torch.manual_seed(first)
    net = QuantNet(
        expand(dataclasses.replace(blueprint, policy=policy)), input_step=0.02, input_zero=120
    )
    with torch.no_grad():
        for _ in range(10):
            net(torch.from_numpy(images_of(32, seed=1)))
    return net.to_integer()


def images_of(count: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 8, 8), np.uint8)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("first", range(len(METHODS)))
def test_results_are_the_integers(name: str, first: int, tmp_path: Path) -> None:
    target = make(name)
    missing = target.missing()
    if missing:
        pytest.skip(missing)
    model, images = mixed(first), images_of(IMAGES, seed=2)
    target.export(model, tmp_path / "m.onnx", {})
    wanted = reference.run(model, images)
    found = target.load(tmp_path / "m.onnx").logits(images)
    apart = np.abs(found - wanted).max(1) > 1e-4 * np.abs(wanted).max()
    assert apart.mean() <= DIFFERENT, f"{apart.sum()} of {IMAGES}"
