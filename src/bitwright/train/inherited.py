"""Candidates that start from the weights of a recorded relative.

After arXiv 1711.04528 (children of hill climbing) and 1804.09081 (inheritance in evolution).
"""

import dataclasses
from typing import ClassVar

from bitwright.execute.base import Job
from bitwright.execute.place import Place
from bitwright.records import Blueprint, Outcome
from bitwright.train.candidate import ScratchEvaluator, Trained
from bitwright.train.legacy import leave, left_by
from bitwright.train.netfile import read_net
from bitwright.train.trainer import Hooks


class InheritedEvaluator(ScratchEvaluator):
    """Gives a candidate its relative's weights and tunes them for a part of the budget.

    In stages that part grows, and a later one starts from the weights of the one before it. A
    candidate that has nothing to start from is trained from scratch, to the end at once. The
    weights of each are kept for those to come.
    """

    inherits: ClassVar[bool] = True
    leaves: ClassVar[bool] = True

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """As always; of what is trained from scratch the outcome says that it had it all."""
        fresh = _source(job) is None
        return super().evaluate(dataclasses.replace(job, fidelity=1.0) if fresh else job, place)

    def trained(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        """Tuned or trained, and kept."""
        found = self._tuned(job, blueprint, hooks)
        leave(found.net, blueprint, self._bench.folder, job.number)
        return found

    def _tuned(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        source = _source(job)
        if source is None:
            return super().trained(job, blueprint, hooks)
        bench, shop = self._bench, self._bench.shop
        parent = left_by(source, bench.folder, lambda path: read_net(path, shop.device)[0])
        part = job.fidelity * bench.tuning
        net, curve = shop.trained(blueprint, bench.budget, job.seed, hooks, parent, part)
        return Trained(net, curve, job.relative)


def _source(job: Job) -> int | None:
    """The trial whose weights it starts from."""
    return job.relative if job.goes_on is None else job.goes_on
