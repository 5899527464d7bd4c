"""Candidates that start from the weights of a recorded relative.

After arXiv 1711.04528 (children of hill climbing) and 1804.09081 (inheritance in evolution).
"""

from typing import ClassVar

from bitwright.errors import ConfigError
from bitwright.execute.base import Job, Workbench
from bitwright.execute.weights import weights_file
from bitwright.records import Blueprint
from bitwright.train.candidate import ScratchEvaluator, Trained
from bitwright.train.checkpoint import UNREADABLE
from bitwright.train.netfile import read_net, write_net
from bitwright.train.trainer import Hooks


class InheritedEvaluator(ScratchEvaluator):
    """Gives a candidate its relative's weights and tunes them for a part of the budget.

    One that has no relative is trained from scratch. The weights of each are kept for those to
    come.
    """

    inherits: ClassVar[bool] = True
    pauses: ClassVar[bool] = False

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._tuning = bench.tuning or bench.budget

    def trained(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        """Tuned or trained, and kept."""
        found = self._tuned(job, blueprint, hooks)
        path = weights_file(self._bench.folder, job.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_net(found.net, blueprint, path, {"trial": str(job.number)})
        return found

    def _tuned(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        if job.relative is None:
            return super().trained(job, blueprint, hooks)
        shop, path = self._bench.shop, weights_file(self._bench.folder, job.relative)
        try:
            parent, _ = read_net(path, shop.device)
        except UNREADABLE as error:
            raise ConfigError(
                f"trial {job.number} is to start from the weights in '{path}', which cannot be "
                f"read ({error}); put the file back, or start the study anew in another folder"
            ) from error
        net, curve = shop.trained(blueprint, self._tuning, job.seed, hooks, parent=parent)
        return Trained(net, curve, job.relative)
