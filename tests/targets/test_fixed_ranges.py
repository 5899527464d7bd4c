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
ALIKE = ("dorefa:3", "dorefa:4", "dorefa:8", "power_of_two:4")  # means on their input's scale
SIZES = (8, 12)  # of images, so that means are of 4 and 16 codes, and of 9 and 36
TARGETS = ("onnxruntime-cpu", "openvino", "litert")
IMAGES = 300
DIFFERENT = 0.01  # of the images: what other sums in a runtime may move over a true half


def mixed(choice: tuple[str, ...], seed: int = 0, size: int = 8) -> IntegerModel:
    """Sums, means and gates, each unit's activations by another method than its neighbours'."""
    blueprint = blueprint_of(
        {"name": "stem", "width": 8},
        {"name": "body1", "kinds": ["residual"], "depth": 2, "width": 16, "stride": 2},
        {"name": "body2", "kinds": ["inverted_bottleneck"], "width": 16, "squeeze_excite": True},
        {"name": "body3", "kinds": ["average_pool"], "width": 16, "stride": 2},
        shape=(1, size, size),
    )
    methods = itertools.cycle(choice)
    policy = tuple(
        (site, Method.parse(next(methods), "activation") if site.role == "activation" else method)
        for site, method in blueprint.policy
    )
    torch.manual_seed(seed)
    net = QuantNet(
        expand(dataclasses.replace(blueprint, policy=policy)), input_step=0.02, input_zero=120
    )
    with torch.no_grad():
        for _ in range(10):
            net(torch.from_numpy(images_of(32, seed=1, size=size)))
    return net.to_integer()


def images_of(count: int, *, seed: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, size, size), np.uint8)


def apart(name: str, model: IntegerModel, path: Path) -> float:
    """The part of the images whose logits are not the integers'; skips what is not installed."""
    target = make(name)
    missing = target.missing()
    if missing:
        pytest.skip(missing)
    images = images_of(IMAGES, seed=2, size=model.graph.input.shape[-1])
    target.export(model, path, {})
    wanted = reference.run(model, images)
    found = target.load(path).logits(images)
    return float((np.abs(found - wanted).max(1) > 1e-4 * np.abs(wanted).max()).mean())


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("first", range(len(METHODS)))
def test_results_are_the_integers(name: str, first: int, tmp_path: Path) -> None:
    model = mixed((*METHODS[first:], *METHODS[:first]), first)
    assert apart(name, model, tmp_path / "m.onnx") <= DIFFERENT


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("method", ALIKE)
@pytest.mark.parametrize("size", SIZES)
def test_means_on_their_inputs_scale_are_the_integers(
    name: str, method: str, size: int, tmp_path: Path
) -> None:
    assert apart(name, mixed((method,), size=size), tmp_path / "m.onnx") <= DIFFERENT
