"""Fills the section on how well scores order networks in results.md from the committed result.

.venv/bin/python docs/results_rank.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("rank")
TRAINING = "training in full"
HELD = "supernet"  # whose tau is meant to reach the mark
TUNED = "supernet, tuned"
HEAD = "| score | Kendall's tau (95 % interval) | CPU once | CPU a network |\n|---|---|---|---|"


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each score, the best order first."""
    scores = {name: one for name, one in result["summary"].items() if name != TRAINING}
    ordered = sorted(scores.items(), key=lambda item: -item[1]["tau"])
    rows = [_row(name, found) for name, found in ordered]
    return SECTION.of(["\n".join([HEAD, *rows]), _told(result)])


def _row(name: str, found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    once, each = found.get("once_cpu_s"), found.get("each_cpu_s")
    cells = [
        f"`{name}`",
        f"{found['tau']:.2f} ({low:.2f} to {high:.2f})",
        f"{once:,.0f} s" if once else "",
        "" if each is None else f"{each:.2f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _told(result: Mapping[str, Any]) -> str:
    networks = list(result["networks"].values())
    sizes = [one["packed_bytes"] / 1000 for one in networks]
    accuracies = [100 * one["accuracy"] for one in networks]
    taus, wanted = (
        {name: result["summary"][name]["tau"] for name in (HELD, TUNED)},
        result["wanted"],
    )
    part = result["study"]["search"]["tuning"]
    return (
        f"{len(networks)} networks from {min(sizes):.1f} to {max(sizes):.1f} kB, which training in "
        f"full brings to {min(accuracies):.1f} to {max(accuracies):.1f} % on the test set in "
        f"{result['summary'][TRAINING]['each_cpu_s']:.0f} s of CPU each. A tau of {wanted:g} for "
        f"the supernet is what this benchmark is meant to hold. As networks are cut out it is "
        f"{taus[HELD]:.2f}: it {_held(taus[HELD], wanted)}. Each trained for {part:g} of the full "
        f"training, as a search does it, {taus[TUNED]:.2f}: it {_held(taus[TUNED], wanted)}. "
        "`make bench-rank`; "
        f"{result['machine']['processor']}, one thread."
    )


def _held(tau: float, wanted: float) -> str:
    return "does" if tau >= wanted else "does not"


if __name__ == "__main__":
    SECTION.rewrite(block)
