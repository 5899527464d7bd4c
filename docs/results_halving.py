"""Fills the part on training in stages in results.md from the committed result.

.venv/bin/python docs/results_halving.py
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from results_page import Section

SECTION = Section("halving")
RANKING = ("trained for", "CPU time up to there", "Kendall's tau with the end (95 % interval)")
SEARCHES = (
    "controller",
    "seed",
    "to the end: candidates, CPU time",
    "hypervolume",
    "in stages: trials, of them to the end",
    "hypervolume after the same time",
    "CPU time to the same hypervolume",
    "times less",
)


def block(result: Mapping[str, Any]) -> str:
    """The part: what a stage tells of the end, then what stages save a search."""
    ranks = _table(RANKING, map(_rank, result["ranking"]))
    rows = _table(SEARCHES, map(_row, result["seeds"]))
    return SECTION.of([_measured(result), ranks, rows, _told(result)])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def _measured(result: Mapping[str, Any]) -> str:
    count = len(result["searches"]["stages of candidates"])
    accuracies = [
        candidate["stages"][-1]["accuracy"]
        for candidate in result["searches"]["stages of candidates"]
    ]
    low, high = 100 * min(accuracies), 100 * max(accuracies)
    epochs = result["train"]["epochs"]
    return (
        f"{count} random candidates, {epochs:g} epochs of {result['study']['train']['images']:,} "
        f"images; at the end their held-out accuracies lie between {low:.1f} and {high:.1f} %."
    )


def _rank(row: Mapping[str, Any]) -> list[str]:
    low, high = row["interval"]
    part = f"1/{round(1 / row['fidelity'])} of the budget"
    share = f"{100 * row['share_of_cpu']:.0f} %"
    return [part, share, f"{row['tau']:.2f} ({low:.2f} to {high:.2f})"]


def _row(row: Mapping[str, Any]) -> list[str]:
    until, less = row["stages_cpu_s"], row["times_less"]
    return [
        f"`{row['controller']}`",
        str(row["seed"]),
        f"{row['candidates']}, {row['cpu_s']:,.0f} s",
        f"{row['hypervolume']:.3f}",
        f"{row['stages_new'] + row['stages_whole']}, {row['stages_whole']}",
        f"{row['stages_then']:.3f}",
        f"not within {row['stages_end_cpu_s']:,.0f} s" if until is None else f"{until:,.0f} s",
        "" if less is None else f"{less:.1f}",
    ]


def _told(result: Mapping[str, Any]) -> str:
    rows = result["seeds"]
    sooner = sum((row["times_less"] or 0.0) > 1 for row in rows)
    ahead = sum(row["stages_then"] > row["hypervolume"] for row in rows)
    return (
        f"In {sooner} of {len(rows)} searches the stages got there sooner, and after the same time "
        f"they were ahead in {ahead}. `make bench-halving`; {result['machine']['processor']}, one "
        "thread a search."
    )


if __name__ == "__main__":
    SECTION.rewrite(block)
