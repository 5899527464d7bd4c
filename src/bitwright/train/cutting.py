"""Candidates that are cut out of the study's supernet."""

import functools
import itertools
from collections.abc import Container, Iterable
from typing import ClassVar

from torch import Tensor

from bitwright.config import SupernetConfig
from bitwright.execute.base import Job, Workbench
from bitwright.nets.build import QuantNet
from bitwright.nets.supernet import SuperNet
from bitwright.records import Blueprint
from bitwright.seeds import derive
from bitwright.train.candidate import ScratchEvaluator, Trained
from bitwright.train.nursery import Nursery
from bitwright.train.shop import Shop
from bitwright.train.trainer import Hooks

MEASURED = 8  # batches that a cut network's batch norms get their statistics from


def cut(
    supernet: SuperNet,
    blueprint: Blueprint,
    inputs: Iterable[Tensor],
    known: Container[str] | None = None,
) -> QuantNet:
    """The blueprint's network out of the supernet, in evaluation mode.

    Its batch norms get the statistics of its own maps, from some batches of inputs: the supernet's
    are those of all networks together (arXiv 1904.00420, section 3.4). `known` as for
    `SuperNet.cut`.
    """
    net = supernet.cut(blueprint, known)
    net.measure_norms(inputs)
    return net.eval()


def inputs_for_norms(shop: Shop, settings: SupernetConfig, seed: int) -> tuple[Tensor, ...]:
    """The same for every candidate, so that nothing but the candidate makes a difference."""
    batches = shop.batches(settings.train, derive(seed, 0, "norms"))
    return tuple(batch.inputs for batch in itertools.islice(batches, MEASURED))


class Cutter:
    """Cuts networks out of the supernet in a study's folder, which it reads when it is first used.

    ConfigError where the supernet cannot be read.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def __call__(self, blueprint: Blueprint) -> QuantNet:
        """The blueprint's network, in evaluation mode."""
        return cut(self._supernet, blueprint, self._inputs)

    @functools.cached_property
    def _supernet(self) -> SuperNet:
        return Nursery.of(self._bench).supernet()

    @functools.cached_property
    def _inputs(self) -> tuple[Tensor, ...]:
        bench = self._bench
        return inputs_for_norms(bench.shop, bench.supernet, bench.seed)


class CutEvaluator(ScratchEvaluator):
    """Cuts a candidate out of the supernet, and tunes it for a part of the budget, if any.

    In stages that part grows; each of them begins with what was cut out.
    """

    supernet: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._cutter = Cutter(bench)

    def trained(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        """Cut, and tuned."""
        bench, net = self._bench, self._cutter(blueprint)
        part = job.fidelity * bench.tuning
        if not part:
            return Trained(net, ())
        known = frozenset(net.layers)
        return Trained(net, bench.shop.tuned(net, bench.budget, job.seed, hooks, known, part))
