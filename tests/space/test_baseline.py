"""The hand-made network beside the winner."""

import pytest

from bitwright.measure.cost import costs
from bitwright.quant.spec import Method
from bitwright.space.baseline import baseline
from bitwright.space.joint import expand

W8, A8 = Method.parse("lsq:8"), Method.parse("lsq:8", "activation")


@pytest.mark.parametrize(
    ("shape", "before_the_mean"),
    [((1, 8, 8), (48, 4, 4)), ((1, 28, 28), (48, 4, 4)), ((3, 32, 32), (48, 4, 4))],
)
def test_it_fits_small_and_large_images(
    shape: tuple[int, ...], before_the_mean: tuple[int, ...]
) -> None:
    blueprint = baseline(shape, 10, W8, A8)
    graph = expand(blueprint)
    mean = next(node for node in graph.nodes if node.name == "head/mean")
    assert graph.node(mean.inputs[0]).shape == before_the_mean
    assert graph.nodes[-1].shape == (10,)


def test_every_site_takes_the_given_methods() -> None:
    blueprint = baseline((1, 28, 28), 5, W8, A8)
    assert {str(site) for site, _ in blueprint.policy} == {
        f"{unit}.{role}"
        for unit in ("stem/0", "body/0", "body/1", "body/2", "body/3", "head")
        for role in ("weight", "activation")
    }
    assert {method for _, method in blueprint.policy} == {W8, A8}


def test_its_size_is_what_its_layers_make() -> None:
    price = costs(expand(baseline((1, 28, 28), 10, W8, A8)))
    kernels = 24 * 9 + 24 * 9 + 24 * 48 + 3 * (48 * 9 + 48 * 48) + 48 * 10
    assert kernels < price["packed_bytes"] < 1.6 * kernels, "8 bits each, and scales and biases"
