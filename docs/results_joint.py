"""Fills the section on joint search in results.md from the committed result.

.venv/bin/python docs/results_joint.py
"""

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from results_page import Section

SECTION = Section("joint")
AGAINST = ("uniform-8", "uniform-4", "then-bits")  # what the mark asks for
SEEDS = 3  # of each way, once all runs are made
HEAD = (
    "| way | seeds | test accuracy | packed | candidates trained | search CPU | "
    "`joint` is ahead by (95 % interval) |\n|---|---|---|---|---|---|---|"
)


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each way, and whether the mark is reached."""
    ways = dict.fromkeys(name.split()[0] for name in result["runs"])
    rows = [_row(way, result) for way in ways]
    return SECTION.of(["\n".join([HEAD, *rows]), _told(result)])


def _row(way: str, result: Mapping[str, Any]) -> str:
    runs = [run for name, run in result["runs"].items() if name.split()[0] == way]
    cells = [
        f"`{way}`",
        str(len(runs)),
        ", ".join(f"{100 * run['test_accuracy']:.2f}" for run in runs) + " %",
        ", ".join(f"{run['packed_bytes'] / 1000:.1f}" for run in runs) + " kB",
        f"{statistics.mean(run['trained'] for run in runs):.0f}",
        f"{statistics.mean(run['search_cpu_s'] for run in runs):,.0f} s",
        _ahead(result["summary"].get(way)),
    ]
    return f"| {' | '.join(cells)} |"


def _ahead(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    half = found["half_interval"]
    reach = "" if half is None else f" ({found['mean'] - half:+.2f} to {found['mean'] + half:+.2f})"
    return f"{found['mean']:+.2f} points{reach}"


def _told(result: Mapping[str, Any]) -> str:
    summary = {way: result["summary"][way] for way in AGAINST if way in result["summary"]}
    wanted = next(iter(summary.values()))["wanted"]
    behind = [way for way, found in summary.items() if found["mean"] < wanted]
    missing = [way for way in AGAINST if way not in summary]
    met = f"it is not against {_named(behind)}" if behind else f"it is against {_named(summary)}"
    fewest = min(found["seeds"] for found in summary.values())
    if fewest < SEEDS:
        met += f", with {fewest} of {SEEDS} seeds so far"
    if missing:
        met += f"; against {_named(missing)} it was not measured yet"
    return (
        f"That `joint` is ahead by {wanted:g} point or more, on average, is what this benchmark is "
        f"meant to hold: {met}. `make bench-joint`; {result['machine']['processor']}, one thread."
    )


def _named(ways: Iterable[str]) -> str:
    *others, last = (f"`{way}`" for way in ways)
    return f"{', '.join(others)} and {last}" if others else last


if __name__ == "__main__":
    SECTION.rewrite(block)
