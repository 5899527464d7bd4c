"""The phase that searches: the loop with everything that it needs."""

from bitwright.execute.inline import InlineExecutor
from bitwright.space.joint import JointSpace
from bitwright.study.loop import Loop
from bitwright.study.pruning import Pruning
from bitwright.study.run import Run
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Plan


def search(run: Run, space: JointSpace, spent: float) -> StoppedBy:
    """Runs the loop to its end; `spent` seconds count against the time limit already."""
    settings, watcher = run.config.search, run.watcher
    controller = run.parts.controller(space)
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
    )
    watcher.planned(plan, run.store.outcomes())
    watcher.phase("search")
    evaluator = run.parts.evaluator(
        space,
        run.folder.path,
        started=watcher.trial_started,
        watch=lambda p: watcher.progress(p.done, p.total, p.loss),
    )
    declared = {choice.path: choice.options for choice in space.declared()}
    pruning = Pruning(watcher, run.store, run.folder)
    executor = InlineExecutor(evaluator)
    loop = Loop(settings, controller, run.store, executor, declared, pruning, spent)
    stopped = loop.run()
    watcher.search_done(stopped)
    return stopped
