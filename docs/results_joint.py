"""Fills the section on joint search in results.md, and draws joint.svg, from the committed result.

.venv/bin/python docs/results_joint.py
"""

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from picture import DOT, Axis, Panel, legend, svg
from results_page import ROOT, Section

SECTION = Section("joint")
PICTURE = ROOT / "docs/joint.svg"
COLOURS = {
    "joint": "#D55E00",
    "joint-scratch": "#E69F00",
    "then-bits": "#009E73",
    "uniform-4": "#0072B2",
    "uniform-8": "#777777",
}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 340, 60, 20, 36, 76
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
    shown = f"![Test accuracy against packed size of each way's networks]({PICTURE.name})"
    return SECTION.of(["\n".join([HEAD, *rows]), shown, _told(result)])


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


def draw(result: Mapping[str, Any]) -> str:
    """Every network that a way ended in, by its size, and for each way the best at each size."""
    found = {
        way: [
            (run["packed_bytes"] / 1000, 100 * run["test_accuracy"])
            for name, run in result["runs"].items()
            if name.split()[0] == way
        ]
        for way in COLOURS
    }
    points = [point for own in found.values() for point in own]
    limit = result["study"]["limits"]["packed_bytes"] / 1000
    x = Axis.over([*(size for size, _ in points), limit], LEFT, WIDTH - RIGHT)
    y = Axis.over([accuracy for _, accuracy in points], HEIGHT - BOTTOM, TOP)
    panel = Panel("Test accuracy of what each way ended in", x, y, "packed kB", " %")
    parts = [*panel.frame()]
    for way, own in found.items():
        parts.append(panel.steps(own, COLOURS[way], end=limit))
        parts += [panel.mark(point, DOT, COLOURS[way]) for point in own]
    return svg(WIDTH, HEIGHT, [*parts, *legend(COLOURS, left=LEFT, up=HEIGHT - 14, apart=112)])


if __name__ == "__main__":
    PICTURE.write_text(draw(SECTION.read()), encoding="utf-8")
    SECTION.rewrite(block)
