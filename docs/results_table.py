"""Fills the section on what a predictor saves in results.md from the committed result.

.venv/bin/python docs/results_table.py
"""

from collections.abc import Iterator, Mapping
from typing import Any

from results_page import Section

SECTION = Section("table")
HEAD = (
    "| table | controller | regret at the end | at the mark after (95 % interval) | "
    "times fewer | CPU a search | seeds |\n|---|---|---|---|---|---|---|"
)


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each table and contender, and whether it is what was wanted."""
    rows = [row for table in result["tables"].values() for row in _rows(table, result)]
    return SECTION.of(["\n".join([HEAD, *rows]), _told(result)])


def _rows(table: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    for name, found in table["contenders"].items():
        mark = name == result["mark"]
        last = result["mark_evaluations"] if mark else result["evaluations"][-1]
        at = found["at_mark"]
        missing = f" of {result['seeds']}" if found["seeds"] < result["seeds"] else ""
        cells = [
            table["title"],
            f"`{name}`, plain" if mark else f"{name}, `predictor`",
            f"{found['last']:.3f} after {last}",
            f"{_evaluations(at)} ({' to '.join(map(_evaluations, found['at_mark_interval']))})",
            "" if at is None else f"{result['mark_evaluations'] / at:.1f}",
            f"{found['seconds']:.1f} s",
            f"{found['seeds']}{missing}",
        ]
        yield f"| {' | '.join(cells)} |"


def _evaluations(at: int | None) -> str:
    return "never" if at is None else str(at)


def _told(result: Mapping[str, Any]) -> str:
    wanted = result["wanted"]
    best = {
        table["title"]: min(
            (found["at_mark"], name)
            for name, found in table["contenders"].items()
            if name != result["mark"] and found["at_mark"] is not None
        )
        for table in result["tables"].values()
        if any(
            found["at_mark"] is not None
            for name, found in table["contenders"].items()
            if name != result["mark"]
        )
    }
    kept = len(best) == len(result["tables"]) and all(at <= wanted for at, _ in best.values())
    found = "; ".join(f"{title}: {name} after {at}" for title, (at, name) in best.items())
    return (
        f"The soonest at the mark: {found or 'none'}. A third of its evaluations, {wanted}, is "
        "what this benchmark is meant to hold on every table: "
        f"{'it does' if kept else 'it does not'}. "
        f"`make bench-table`; {result['machine']['processor']}, one thread a search."
    )


if __name__ == "__main__":
    SECTION.rewrite(block)
