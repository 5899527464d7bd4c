"""What the scores of untrained networks say, and that quantization shows in them."""

import math

import pytest
import torch

from bitwright.nets.layers import WeightLayer
from bitwright.testing.networks import blueprint_of
from bitwright.testing.screens import workbench
from bitwright.train.proxies.base import Proxy
from bitwright.train.proxies.entropy import Entropy
from bitwright.train.proxies.naswot import Naswot
from bitwright.train.proxies.synflow import Synflow

pytestmark = pytest.mark.usefixtures("one_thread")
PROXIES = (Entropy, Naswot, Synflow)
FULL = {"weight": "none:32", "activation": "none:32"}


def network(width=16, depth=2, *, weight="lsq:8", activation="lsq:8"):
    stages = [{"name": f"stage{index}", "width": width} for index in range(depth)]
    return blueprint_of(*stages, weight=weight, activation=activation)


@pytest.fixture
def bench(tmp_path):
    return workbench(tmp_path)


@pytest.mark.parametrize("kind", PROXIES)
def test_a_score_depends_on_nothing_but_the_network(kind, bench):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    scores = [kind(bench).score(network()) for _ in range(2)]
    assert scores[0] == scores[1]
    assert torch.equal(torch.rand(3), expected), "torch's own generator was moved"


@pytest.mark.parametrize("kind", PROXIES)
def test_wider_is_better(kind, bench):
    proxy = kind(bench)
    assert proxy.score(network(8)) < proxy.score(network(64))


@pytest.mark.parametrize("methods", [{"weight": "lsq:2"}, {"activation": "lsq:2"}])
def test_quantizers_take_from_the_entropy(methods, bench):
    proxy = Entropy(bench)
    exact, coarse = proxy.score(network(**FULL)), proxy.score(network(**methods))
    assert coarse < proxy.score(network()) < exact
    assert exact - coarse > 0.02


def test_entropy_grows_with_every_layer_by_the_logarithm_of_its_inputs(bench):
    """A layer of unit weights multiplies the deviation by the root of its taps' mean squares."""
    proxy = Entropy(bench)
    grown = proxy.score(network(32, 3, **FULL)) - proxy.score(network(32, 2, **FULL))
    # After ReLU a normalised value has a mean square of 1/2; edges see fewer taps.
    assert grown == pytest.approx(0.5 * math.log(9 * 32 / 2), abs=0.25)


@pytest.mark.parametrize("methods", [{"weight": "lsq:2"}, {"activation": "lsq:2"}])
def test_quantizers_show_in_what_switches(methods, bench):
    proxy = Naswot(bench)
    assert proxy.score(network(**methods)) != proxy.score(network())


def test_images_that_are_all_alike_switch_everything_alike(bench):
    proxy = Naswot(bench)
    proxy.inputs = proxy.inputs[:1].repeat(4, 1, 1, 1)
    assert proxy.score(network()) == -math.inf
    assert math.isfinite(proxy.scores([_some(bench)])[0]), "what orders is finite"


def _some(bench):
    return bench.space.fill(lambda choice: choice.options[0])


def test_in_full_precision_as_much_flows_through_each_layer(bench):
    """Of outputs that are linear in each layer's weights, sum w dR/dw is R for every layer."""
    proxy = Synflow(bench)
    net = proxy.build(network(**FULL))
    net.freeze_norms()
    layers = [layer for layer in net.layers.values() if isinstance(layer, WeightLayer)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.abs_()
        ones = torch.full((1, 1, 8, 8), 1.0) / net.input_step + net.input_zero
        flow = net(ones).double().sum()
    assert len(layers) == 3
    assert proxy.score(network(**FULL)) == pytest.approx(math.log(3 * flow), abs=1e-4)


def test_what_a_grid_cuts_off_does_not_flow(bench):
    proxy = Synflow(bench)
    assert proxy.score(network(weight="lsq:2")) < proxy.score(network())


def test_measured_accuracies_give_a_score_its_scale(bench):
    """Ranks decide: the better half of the scores is expected to be better than the worse one."""

    class Sizes(Proxy):
        def score(self, blueprint):
            return float(len(blueprint.units))

    from bitwright.testing.screens import history

    proxy = Sizes(bench)
    asked = [outcome.genome for batch in history(bench) for outcome in batch]
    assert proxy.estimates(asked) is None
    for batch in history(bench):
        proxy.learn(batch)
    found = proxy.estimates(asked)
    assert found is not None
    scores = proxy.scores(asked)
    best, worst = scores.index(max(scores)), scores.index(min(scores))
    assert found[best].accuracy > found[worst].accuracy
    assert found[best].spread > 0
