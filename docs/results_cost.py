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
    """The section: a row for each seed and search from scratch, and the median over the seeds."""
    rows = [
        _row(row, name, against, len(result["searches"][f"{name} {row['seed']}"]))
        for row in result["seeds"]
        for name, against in row["against"].items()
    ]
    return SECTION.of(["\n".join([HEAD, *rows]), _told(result)])


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
    paths = " ".join(_path(result, path) for path in result["summary"])
    found = [one for path in result["summary"].values() for one in path.values()]
    wanted = found[0]["wanted"]
    kept = all(one["times_less"] >= wanted for one in found)
    return (
        f"{paths} {wanted:g} times less is what this benchmark is meant to hold: "
        f"{'it does' if kept else 'it does not'}. `make bench-cost`; "
        f"{result['machine']['processor']}, one thread a search."
    )


def _path(result: Mapping[str, Any], path: str) -> str:
    """How a cheap path did, and where it ended."""
    rows = [row for row in result["seeds"] if row["path"] == path]
    medians = ", ".join(
        f"{found['times_less']:.1f} times less than `{name}`"
        if found["times_less"]
        else f"the mark of `{name}` was not reached"
        for name, found in result["summary"][path].items()
    )
    ends = ", ".join(f"{row['ends_at']:.3f} after {row['ends_after_cpu_s']:,.0f} s" for row in rows)
    median = f"Median of {len(rows)} seeds" if len(rows) > 1 else "One seed"
    return f"The {path} path ends at {ends}. {median}: {medians}."


if __name__ == "__main__":
    SECTION.rewrite(block)
