"""Files of beaten candidates are deleted, however often one looks."""

import dataclasses

import numpy as np

from bitwright.records import Measurement
from bitwright.study.folder import Folder
from bitwright.study.pruning import PRUNE_EVERY, Pruning, prune
from bitwright.study.watch import Watcher
from bitwright.testing.stores import complete, failed, infeasible


def outcomes(count):
    rng = np.random.default_rng(3)
    for number in range(count):
        kind = (complete, complete, infeasible, failed)[int(rng.integers(4))]
        accuracy, size = float(rng.random()), float(rng.integers(1, 50))
        yield dataclasses.replace(
            kind(number),
            metrics=(("accuracy", Measurement(accuracy)), ("packed_bytes", Measurement(size))),
            reward=accuracy,
            model=None if kind is failed else f"trials/{number:05d}.onnx",
        )


def files(folder):
    return {path.name for path in (folder.path / "trials").iterdir()}


def test_pruning_now_and_then_leaves_what_pruning_once_at_the_end_leaves(tmp_path):
    often, once = Folder(tmp_path / "often"), Folder(tmp_path / "once")
    found = list(outcomes(3 * PRUNE_EVERY))
    for folder in (often, once):
        folder.make()
        for outcome in found:
            if outcome.model:
                (folder.path / outcome.model).touch()
    pruning = Pruning(Watcher(), found[:20], often)
    for outcome in found[20 : 20 + 2 * PRUNE_EVERY]:
        pruning.trial_done(outcome)
    assert len(files(often)) < len(files(once))
    for folder in (often, once):
        kept = prune(found, folder)
    assert files(often) == files(once) == {f"{outcome.number:05d}.onnx" for outcome in kept}
    assert max(found, key=lambda o: (o.state == "complete", o.reward)) in kept
