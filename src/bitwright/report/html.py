"""The report: one HTML file that opens offline, the same bytes for the same study."""

import dataclasses
from html import escape
from pathlib import Path

from bitwright.report import heatmap, learning, progress, sections, tradeoff
from bitwright.report.page import Page, Part, save
from bitwright.study.view import StudyView


def write(view: StudyView, path: Path) -> None:
    """Writes the report; an older one at `path` stays whole until the new one is.

    Raises:
        StoreError: The file cannot be written.
    """
    save(render(view), path)


def render(view: StudyView) -> str:
    """The whole page, trials in the order of their numbers."""
    ordered = sorted(view.outcomes, key=lambda outcome: outcome.number)
    view = dataclasses.replace(view, outcomes=tuple(ordered))
    tradeoffs = tradeoff.tradeoffs(view)
    rewards = progress.rewards(view)
    learned = learning.curves(view)
    heat_maps = heatmap.heat_maps(view.sensitivity)
    training = progress.training(view)
    parts = (
        Part(
            "tradeoffs",
            "Accuracy against cost",
            sections.plots(tradeoffs, sections.pareto(view)),
        ),
        Part("search", "The search", sections.plots(rewards, sections.effort(view))),
        Part("learning", "How candidates learned", sections.plots(learned)),
        Part("winner", "The winner", sections.winner(view)),
        Part("finalists", "Trained to the end", sections.finalists(view)),
        Part("taken-over", "Taken over", sections.taken_over(view)),
        Part("sensitivity", "Sensitivity", sections.plots(heat_maps) + sections.removed(view)),
        Part("teacher", "The teacher", sections.teacher(view)),
        Part("supernet", "The supernet", sections.supernet(view)),
        Part("training", "Training", sections.plots(training)),
        Part("proof", "Proof", sections.proof(view)),
        Part("trials", "Trials", sections.trials(view)),
        Part("environment", "Environment", sections.facts(view.environment)),
        Part("settings", "The study file", sections.settings(view)),
    )
    page = Page(
        kind="Bitwright report",
        name=escape(view.study),
        badge=escape(view.state),
        headline=sections.headline(view),
        subtitle=sections.subtitle(view),
        top=sections.tiles(view) + sections.comparison(view),
        parts=parts,
        plots=(*tradeoffs, *rewards, *learned, *heat_maps, *training),
    )
    return page.render()
