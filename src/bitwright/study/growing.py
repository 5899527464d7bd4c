"""The phase that trains the supernet, where candidates are cut out of one."""

from bitwright.space.joint import JointSpace
from bitwright.study.documents import supernet_to_json
from bitwright.study.run import Run
from bitwright.study.view import SupernetEntry


def grow(run: Run, space: JointSpace) -> float:
    """Trains the supernet of that space, unless it is there; the seconds that its training took."""
    if not run.parts.supernet:
        return 0.0
    nursery = run.parts.nursery(space, run.folder.path)
    if not nursery.ready():
        run.watcher.phase("supernet")
    grown = nursery.grown(
        lambda p: run.watcher.progress(p.done, p.total, p.loss), run.pause_if_asked
    )
    run.store.put("supernet", supernet_to_json(SupernetEntry(grown.curve, grown.seconds)))
    return grown.seconds
