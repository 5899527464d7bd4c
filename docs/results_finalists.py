"""Fills the section on finalists in results.md from the committed result.

.venv/bin/python docs/results_finalists.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("finalists")
HEAD = (
    "| seed | as trials, held-out | trained to the end, held-out | on test images | handed over | "
    "gain in points |\n|---|---|---|---|---|---|"
)
PLACES = ("first", "second", "third", "fourth")


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each seed, and what the choice gains over them."""
    summary = result["summary"]
    rows = [
        _row(seed, run["finalists"], gain)
        for (seed, run), gain in zip(result["runs"].items(), summary["gains"], strict=True)
    ]
    half = summary["half_interval"]
    low, high = summary["mean"] - half, summary["mean"] + half
    told = (
        f"Handed over is the first in {summary['first_stays']} of {summary['seeds']} searches. In "
        f"the mean what is handed over is {summary['mean']:+.2f} points of test accuracy ahead of "
        f"the first (95 % interval {low:+.2f} to {high:+.2f}). `{result['command']}`; "
        f"{result['machine']['processor']}, one thread."
    )
    return SECTION.of(["\n".join([HEAD, *rows]), told])


def _row(seed: str, finalists: list[Mapping[str, Any]], gain: float) -> str:
    place = next(at for at, one in enumerate(finalists) if one["handed_over"])
    cells = [
        seed,
        *(
            ", ".join(f"{100 * one[name]:.2f}" for one in finalists) + " %"
            for name in ("trial_accuracy", "accuracy", "test_accuracy")
        ),
        f"the {PLACES[place]}",
        f"{gain:+.2f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    SECTION.rewrite(block)
