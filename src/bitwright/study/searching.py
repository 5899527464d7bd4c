"""The phase that searches: the loop with everything that it needs."""

from bitwright.space.joint import JointSpace
from bitwright.study.at_work import AtWork
from bitwright.study.loop import Loop
from bitwright.study.pruning import Pruning
from bitwright.study.relatives import nearest_in, nobody
from bitwright.study.run import Run
from bitwright.study.settings import lookahead
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Plan


def search(run: Run, space: JointSpace, spent: float) -> StoppedBy:
    """Runs the loop to its end; `spent` seconds count against the time limit already."""
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
            relative=nearest_in(space) if run.parts.inherits else nobody,
            halving=run.parts.halving(controller),
        )
        stopped = loop.run()
    watcher.search_done(stopped)
    return stopped
