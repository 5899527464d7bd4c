"""Fills the section on what a search costs in results.md from the committed result.

.venv/bin/python docs/results_cost.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("cost")
HEAD = (
    "| seed | path | against | candidates | hypervolume | its CPU time | the path's | "
    "times less |\n|---|---|---|---|---|---|---|---|"
)


def block(result: Mapping[str, Any]) -> str:
    """The section: the means over the seeds, then a row for each seed and search from scratch."""
    rows = [
        _row(row, name, against, len(result["searches"][f"{name} {row['seed']}"]))
        for row in result["seeds"]
        for name, against in row["against"].items()
    ]
    return SECTION.of([_told(result), "\n".join([HEAD, *rows]), _ends(result)])


def _row(row: Mapping[str, Any], name: str, against: Mapping[str, Any], trials: int) -> str:
    until, less = against["path_cpu_s"], against["times_less"]
    cells = [
        str(row["seed"]),
        row["path"],
        f"`{name}`",
        str(trials),
        f"{against['hypervolume']:.3f}",
        f"{against['cpu_s']:,.0f} s",
        "not reached" if until is None else f"{until:,.0f} s",
        "" if less is None else f"{less:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _told(result: Mapping[str, Any]) -> str:
    marks = [
        f"| {path} | `{name}` | {_less(found)} |"
        for path, against in result["summary"].items()
        for name, found in against.items()
    ]
    wanted = max(found["wanted"] for one in result["summary"].values() for found in one.values())
    head = f"| path | against | times less (95 % interval; wanted: {wanted:g}) |\n|---|---|---|"
    return "\n".join([head, *marks])


def _less(found: Mapping[str, Any]) -> str:
    """The mean over the seeds; how many reach the mark where some do not."""
    if found["times_less"] is None:
        return f"reached in {found['reached']} of {found['of']} seeds"
    told = f"{found['times_less']:.1f}"
    if found["interval"] is None:
        return f"{told}, one seed"
    low, high = found["interval"]
    return f"{told} ({low:.1f} to {high:.1f})"


def _holds(against: Mapping[str, Any]) -> bool:
    """Whether a path takes as many times less against each, in the mean, as is wanted."""
    return all((one["times_less"] or 0.0) >= one["wanted"] for one in against.values())


def _ends(result: Mapping[str, Any]) -> str:
    """Where each path ended; what all of it was meant to hold."""
    ends = [
        f"{path} at "
        + ", ".join(
            f"{row['ends_at']:.3f} after {row['ends_after_cpu_s']:,.0f} s"
            for row in result["seeds"]
            if row["path"] == path
        )
        for path in result["summary"]
    ]
    verdicts = "; ".join(
        f"{path} {'does' if _holds(against) else 'does not'}"
        for path, against in result["summary"].items()
    )
    wanted = next(
        one["wanted"] for against in result["summary"].values() for one in against.values()
    )
    return (
        f"Paths end, seed by seed: {'; '.join(ends)}. To take {wanted:g} times less against each "
        f"is what this benchmark is meant to hold: {verdicts}. "
        f"`make bench-cost`; {result['machine']['processor']}, one thread a search."
    )


if __name__ == "__main__":
    SECTION.rewrite(block)
