"""Fills the section on what a search costs in results.md, and draws cost.svg, from the result.

.venv/bin/python docs/results_cost.py
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from picture import Axis, Panel, Point, legend, svg
from results_page import ROOT, Section

from bitwright.report.hypervolume import hypervolume

SECTION = Section("cost")
PICTURE = ROOT / "docs/cost.svg"
COLOURS = {
    "random": "#777777",
    "optuna:TPESampler": "#CC79A7",
    "optuna:NSGAIISampler": "#0072B2",
    "inherited": "#D55E00",
    "shared": "#009E73",
    "supernet": "#E69F00",
}
WIDTH, HEIGHT, LEFT, TOP, GAP, BELOW = 280, 190, 52, 46, 58, 74  # of a panel and around it
FROM_SCRATCH = ("random", "optuna:TPESampler", "optuna:NSGAIISampler")
LEAST_ACCURATE, LEAST_DOMINATED = 70.0, 0.65  # percent and share at the panels' lower edges
Trials = Sequence[Mapping[str, Any]]
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
    shown = f"![Accuracy by size and hypervolume by CPU time of each search]({PICTURE.name})"
    return SECTION.of([_told(result), shown, "\n".join([HEAD, *rows]), _ends(result)])


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
    wanted = _wanted(result)
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
    wanted = _wanted(result)
    return (
        f"Paths end, seed by seed: {'; '.join(ends)}. To take {wanted:g} times less against each "
        f"is what this benchmark is meant to hold: {verdicts}. "
        f"`make bench-cost`; {result['machine']['processor']}, one thread a search."
    )


def _wanted(result: Mapping[str, Any]) -> float:
    """How many times less CPU time each mark asks for: all the same."""
    (wanted,) = {one["wanted"] for marks in result["summary"].values() for one in marks.values()}
    return float(wanted)


def draw(result: Mapping[str, Any]) -> str:
    """For each seed the fronts that its searches end with; below, how soon they got there."""
    seeds = sorted({row["seed"] for row in result["seeds"]})
    fronts = {name: _points(trials) for name, trials in result["searches"].items()}
    climbs = {name: _climb(one, result["reference"]) for name, one in result["searches"].items()}
    parts: list[str] = []
    for column, seed in enumerate(seeds):
        left = LEFT + column * (WIDTH + GAP)
        top = Panel(
            f"Seed {seed}: held-out accuracy at the end",
            *_axes(fronts, LEAST_ACCURATE, left, TOP),
            *("packed kB", " %"),
        )
        below = Panel(
            "Hypervolume on the way",
            *_axes(climbs, LEAST_DOMINATED, left, TOP + HEIGHT + BELOW),
            "seconds of CPU time",
        )
        parts += _lines(
            top, {name: fronts.get(f"{name} {seed}", []) for name in COLOURS}, whole=True
        )
        parts += _lines(below, {name: climbs.get(f"{name} {seed}", []) for name in COLOURS})
    width, height = LEFT + len(seeds) * (WIDTH + GAP), TOP + 2 * (HEIGHT + BELOW)
    return svg(width, height, [*parts, *legend(COLOURS, left=LEFT, up=height - 12, apart=165)])


def _axes(
    lines: Mapping[str, Sequence[Point]], lowest: float, left: float, top: float
) -> tuple[Axis, Axis]:
    """The same for every seed, so that panels compare: all points but those under the lowest."""
    shown = [point for points in lines.values() for point in points if point[1] >= lowest]
    x = Axis.decades([across for across, _ in shown], left, left + WIDTH)
    return x, Axis.over([lowest, *(up for _, up in shown)], top + HEIGHT, top)


def _points(trials: Trials) -> list[Point]:
    """Packed kB and held-out percent of each trial that has an accuracy."""
    return [
        (trial["packed_bytes"] / 1000, 100 * trial["accuracy"])
        for trial in trials
        if trial["accuracy"] is not None
    ]


def _climb(trials: Trials, reference: Mapping[str, float]) -> list[Point]:
    """CPU seconds after each trial, and the hypervolume until then."""
    corner = (reference["packed_bytes"] / 1000, 100 * reference["accuracy"])
    return [
        (
            trial["cpu_s"],
            hypervolume(_points(trials[: number + 1]), reference=corner, ideal=(0.0, 100.0)) or 0.0,
        )
        for number, trial in enumerate(trials)
    ]


def _lines(
    panel: Panel, searches: Mapping[str, Sequence[Point]], *, whole: bool = False
) -> Iterator[str]:
    """A line for each search, up to its last point, or the edge; what lies below is left out."""
    yield from panel.frame()
    for name, points in searches.items():
        inside = [point for point in points if point[1] >= panel.y.ticks[0]]
        last = max((across for across, _ in inside), default=0.0)
        end = panel.x.ticks[-1] if whole else last
        yield panel.steps(inside, COLOURS[name], end=end, dashed=name in FROM_SCRATCH)


if __name__ == "__main__":
    PICTURE.write_text(draw(SECTION.read()), encoding="utf-8")
    SECTION.rewrite(block)
