"""Candidates out of one set of weights that goes on learning from each of them.

The supernet is not trained before the search: the candidates that the search chooses train it, and
each gives back what it has learned (continuous evolution, arXiv 1909.04977).
"""

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from bitwright.control.reward import ACCURACY
from bitwright.execute.base import Job, Workbench
from bitwright.execute.place import Place
from bitwright.execute.weights import weights_file
from bitwright.nets.build import QuantNet
from bitwright.nets.supernet import SuperNet
from bitwright.records import Blueprint, Outcome
from bitwright.train.candidate import ScratchEvaluator, Trained
from bitwright.train.checkpoint import write
from bitwright.train.cutting import cut, inputs_for_norms
from bitwright.train.legacy import leave, left_by
from bitwright.train.netfile import read_stored
from bitwright.train.supernet import fresh
from bitwright.train.trainer import Hooks

SAVED_EVERY = 64  # trials; fewer than there are weights kept of (`execute.weights.KEPT`)


class Commons:
    """The weights that all share, as they are once the trials before a number have given theirs.

    Trials give in the order of their numbers, and only those that were learned when a candidate was
    proposed: whoever asks, in whichever process, gets the same weights. The files of old trials are
    deleted, so every so many trials the shared weights themselves are kept in the folder.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._net = self._untrained()
        self._trained: dict[str, float] = {}  # budgets that a layer has been trained for
        self._known: set[str] = set()  # names of quantizers that some trial gave
        self._given = 0  # trials that have given what they had to give

    def cut(self, blueprint: Blueprint, before: int) -> tuple[QuantNet, dict[str, float]]:
        """A candidate's network once the trials `before` have given.

        And for each of its layers with weights, the budgets that these have been trained for.
        """
        self._take(before)
        keys = self._net.layers_of(blueprint)
        trained = {name: self._trained.get(key, 0.0) for name, key in keys.items()}
        return cut(self._net, blueprint, self._inputs, self._known), trained

    def _untrained(self) -> SuperNet:
        return fresh(self._bench.shop, self._bench.space, self._bench.seed)

    @functools.cached_property
    def _inputs(self) -> tuple[Tensor, ...]:
        bench = self._bench
        return inputs_for_norms(bench.shop, bench.supernet, bench.seed)

    def _take(self, before: int) -> None:
        self._restore(before)
        for number in range(self._given, before):
            if weights_file(self._bench.folder, number).exists():  # it was trained to an end
                self._take_one(number)
            self._given = number + 1
            if self._given % SAVED_EVERY == 0:
                self._save()

    def _take_one(self, number: int) -> None:
        device = self._bench.shop.device
        found = left_by(number, self._bench.folder, lambda path: read_stored(path, device))
        self._known |= self._net.take(found.blueprint, found.state, self._known)
        for key in self._net.layers_of(found.blueprint).values():
            self._trained[key] = self._trained.get(key, 0.0) + found.about.get("budget", 1.0)

    def _restore(self, before: int) -> None:
        """Goes on from the last state that was kept and is not too late, if that is ahead."""
        last = before - before % SAVED_EVERY
        path = self._kept(last)
        if last <= self._given or not path.exists():
            return
        found = torch.load(path, weights_only=True, map_location=self._bench.shop.device)
        self._net = self._untrained()  # whose layers look at no tensors of before
        self._net.restore(found["net"])
        self._trained, self._known = dict(found["trained"]), set(found["known"])
        self._given = last

    def _save(self) -> None:
        path = self._kept(self._given)
        if not path.exists():
            known = sorted(self._known)
            write(path, {"net": self._net.state(), "trained": self._trained, "known": known})
        self._kept(self._given - 2 * SAVED_EVERY).unlink(missing_ok=True)

    def _kept(self, given: int) -> Path:
        return self._bench.folder / f"shared.{given:05d}.pt"


class SharedEvaluator(ScratchEvaluator):
    """Cuts a candidate out of the shared weights and trains it, the longer the less these know.

    Layers that were never trained get the whole budget, such that have had that `search.tuning` of
    it, and a network the mean over its layers. What it has learned is kept for those to come. A
    later stage is cut out again, with all that was learned since, and that part is larger; before
    anything is known, candidates are trained to the end at once.
    """

    leaves: ClassVar[bool] = True

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._commons = Commons(bench)

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """As always; what a network learned that has no accuracy, being dead, helps nobody."""
        if not job.learned:
            job = dataclasses.replace(job, fidelity=1.0)
        found = super().evaluate(job, place)
        if found.metric(ACCURACY) is None:
            weights_file(self._bench.folder, job.number).unlink(missing_ok=True)
        return found

    def trained(self, job: Job, blueprint: Blueprint, hooks: Hooks) -> Trained:
        """Cut, trained, and kept."""
        bench = self._bench
        net, trained = self._commons.cut(blueprint, job.learned)
        unknown = sum(max(0.0, 1 - budgets) for budgets in trained.values()) / len(trained)
        part = job.fidelity * (bench.tuning + (1 - bench.tuning) * unknown)
        known = frozenset(name for name, budgets in trained.items() if budgets)
        curve = bench.shop.tuned(net, bench.budget, job.seed, hooks, known, part)
        leave(net, blueprint, bench.folder, job.number, budget=part)
        return Trained(net, curve)
