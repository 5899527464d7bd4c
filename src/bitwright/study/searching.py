"""The phase that searches: the loop with everything that it needs."""

from bitwright.space.joint import JointSpace
from bitwright.study.at_work import AtWork
from bitwright.study.loop import Loop
from bitwright.study.pruning import Pruning
from bitwright.study.relatives import Chooser, nearest_in, nobody
from bitwright.study.retargeting import without_weights
from bitwright.study.run import Run
from bitwright.study.settings import lookahead
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Plan


def search(run: Run, space: JointSpace, spent: float, taken: int = 0) -> StoppedBy:
    """Runs the loop to its end; `spent` seconds count against the time limit already.

    The first `taken` trials were taken over from another study.
    """
    settings, watcher = run.config.search, run.watcher
    controller = run.parts.proposer(space, run.folder.path)
    size = space.size()
    run.store.put(
        "space", {"id": space.space_id, "structures": size.structures, "networks": size.networks}
    )
    plan = Plan(
        run.folder.name,
        settings.iterations,
        controller.batch,
        settings.minutes,
        size.structures,
        size.networks,
        run.config.workers,
    )
    watcher.planned(plan, run.store.outcomes())
    watcher.phase("search")
    declared = {choice.path: choice.options for choice in space.declared()}
    at_work = AtWork(watcher, run.folder)
    ahead = lookahead(run.config)
    relative: Chooser = nobody
    if run.parts.inherits:
        relative = nearest_in(space, without_weights(run, taken))
    with run.parts.executor(space, run.folder.path, at_work) as executor:
        loop = Loop(
            settings,
            controller,
            run.store,
            executor,
            declared,
            Pruning(at_work, run.store.outcomes(), run.folder, (ahead + 2) * controller.batch),
            spent,
            lookahead=ahead,
            workers=run.config.workers,
            pause_asked=run.folder.pause_asked,
            relative=relative,
            halving=run.parts.halving(controller),
            taken=taken,
        )
        stopped = loop.run()
    at_work.search_done(stopped)
    return stopped
