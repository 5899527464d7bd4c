"""The phase that trains the supernet, where candidates are cut out of one."""

from bitwright.space.joint import JointSpace
from bitwright.study.run import Run


def grow(run: Run, space: JointSpace) -> float:
    """Trains the supernet of that space, unless it is there; the seconds that its training took."""
    if not run.parts.supernet:
        return 0.0
    from bitwright.train.nursery import Nursery

    config, folder = run.config, run.folder.path
    nursery = Nursery(run.parts.shop, space, config.supernet, folder, config.search.seed)
    if not nursery.ready():
        run.watcher.phase("supernet")
    grown = nursery.grown(
        lambda p: run.watcher.progress(p.done, p.total, p.loss), run.pause_if_asked
    )
    run.store.put("supernet", {"curve": grown.curve, "seconds": grown.seconds})
    return grown.seconds
