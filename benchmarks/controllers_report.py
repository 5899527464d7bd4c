"""What the runs of controllers.py come to: the result file, docs/controllers.svg, docs/results.md.

.venv/bin/python benchmarks/controllers.py report
"""

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import machine
from scipy.stats import mannwhitneyu

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "controllers.json"
PICTURE = ROOT / "docs" / "controllers.svg"
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- controllers: begin -->", "<!-- controllers: end -->"
POINTS = tuple(range(10, 201, 10))  # evaluations after which the regret is told
NONE_LEFT = 1e-5  # points; what rounding leaves of no regret
RESAMPLES = 2000
INTRODUCTION = (
    "How far the best candidate found lies below the best there is, in points (hundredths of the "
    "reward; for the accuracy alone, points of accuracy): the mean over {seeds} seeds, after so "
    "many evaluations, on tables of networks that were really trained (`benchmarks/nas_tables.py` "
    "tells their rewards). *Best found* is the part of the seeds that found the best of all, *p* "
    "the chance of such a lead over `random` by luck (Mann-Whitney, one-sided, at the end). "
    "Controllers run with their defaults; `nsga` strives for the metrics that the reward is made "
    "of. The last two are Optuna's own samplers in Optuna's own loop, one trial after the other; "
    "the others propose four candidates at a time. `make bench-controllers` makes this section."
)
COLOURS = ("#777777", "#1f77b4", "#2ca02c", "#d62728", "#ff7f0e", "#9467bd", "#17becf", "#8c564b")
WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 210, 44, 30, 52
Floats = npt.NDArray[np.float64]
Runs = Mapping[tuple[str, str], Mapping[int, Floats]]  # (table, contender) to seed to regrets


def summary(runs: Runs, titles: Mapping[str, str], about: Mapping[str, Any]) -> dict[str, Any]:
    """All numbers of the result file; regrets are in points, a hundredth of the reward."""
    tables: dict[str, Any] = {}
    for (table, contender), found in runs.items():
        regrets = np.array([found[seed] for seed in sorted(found)])[:, [at - 1 for at in POINTS]]
        random = np.array(list(runs[table, "random"].values()))[:, -1]
        low, high = band(regrets)
        tables.setdefault(table, {"title": titles[table], "contenders": {}})
        tables[table]["contenders"][contender] = {
            "seeds": len(found),
            "regret": rounded(regrets.mean(0)),
            "low": rounded(low),
            "high": rounded(high),
            "median_at_end": round(float(np.median(regrets[:, -1])), 4),
            "found_the_best": round(float((regrets[:, -1] < NONE_LEFT).mean()), 3),
            "p_against_random": None
            if contender == "random"
            else float(mannwhitneyu(regrets[:, -1], random, alternative="less").pvalue),
        }
    return {**about, "evaluations": list(POINTS), "machine": machine(), "tables": tables}


def band(regrets: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of the mean at each point, by resampling the seeds. `regrets`: (S, P)."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(regrets), size=(RESAMPLES, len(regrets)))
    means = regrets[drawn].mean(1)
    return np.quantile(means, 0.025, axis=0), np.quantile(means, 0.975, axis=0)


def rounded(values: Floats) -> list[float]:
    """Four decimals are more than the tables hold."""
    return [round(float(value), 4) for value in values]


def write(result: Mapping[str, Any]) -> None:
    """The result file, the picture, and the page's section."""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    PICTURE.write_text(picture(result), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"# Results\n\n{BEGIN}\n{END}\n"
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{section(result)}{END}{rest.split(END)[1]}", "utf-8")


def section(result: Mapping[str, Any]) -> str:
    """The page's words and tables."""
    lines = ["## Controllers", "", *_introduction(result), ""]
    for table in result["tables"].values():
        lines += [
            f"**{table['title'].capitalize()}**",
            "",
            "| controller | after 50 | after 100 | after 200 (95 % interval) | best found | p |",
            "|---|---|---|---|---|---|",
            *(_row(name, found) for name, found in table["contenders"].items()),
            "",
        ]
    return "\n".join(lines)


def _introduction(result: Mapping[str, Any]) -> list[str]:
    counts = [
        found["seeds"]
        for table in result["tables"].values()
        for found in table["contenders"].values()
    ]
    seeds = str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    return [
        *textwrap.wrap(INTRODUCTION.format(seeds=seeds), 116),
        "",
        "![Regret against evaluations on the three tables](controllers.svg)",
    ]


def _row(name: str, found: Mapping[str, Any]) -> str:
    at = dict(zip(POINTS, found["regret"], strict=True))
    interval = f"{found['low'][-1]:.3f} to {found['high'][-1]:.3f}"
    p = found["p_against_random"]
    chance = "" if p is None else f"{p:.1e}" if p < 0.001 else f"{p:.3f}"
    return (
        f"| {name} | {at[50]:.2f} | {at[100]:.2f} | {at[200]:.3f} ({interval}) "
        f"| {found['found_the_best']:.0%} | {chance} |"
    )


def picture(result: Mapping[str, Any]) -> str:
    """A panel for each table: mean regret and its 95 % band, on a logarithmic axis."""
    colours = dict(zip(result["options"], COLOURS, strict=True))
    total = len(result["tables"]) * (WIDTH + GAP) + LEFT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {HEIGHT + 90}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, table in enumerate(result["tables"].values()):
        parts += _panel(table, LEFT + number * (WIDTH + GAP), colours)
    for number, (name, colour) in enumerate(colours.items()):
        x, y = LEFT + number % 4 * 180, TOP + HEIGHT + 38 + number // 4 * 16
        parts.append(f'<rect x="{x}" y="{y - 8}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(table: Mapping[str, Any], left: int, colours: Mapping[str, str]) -> list[str]:
    parts = [
        f'<text x="{left}" y="{TOP - 12}" font-weight="bold">{escape(table["title"])}</text>',
        f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>',
    ]
    for value in (0.01, 0.1, 1.0):
        y = _y(value)
        parts.append(f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for at in (50, 100, 150, 200):
        x = _x(at, left)
        parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 14}" text-anchor="middle">{at}</text>')
    for name, found in table["contenders"].items():
        colour = colours[name]
        up, down, mean = (_path(found[key], left) for key in ("high", "low", "regret"))
        back = " ".join(reversed(down.split()))
        parts.append(f'<polygon points="{up} {back}" fill="{colour}" opacity="0.13"/>')
        parts.append(
            f'<polyline points="{mean}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        )
    return parts


def _path(values: Sequence[float], left: int) -> str:
    pairs = zip(POINTS, values, strict=True)
    return " ".join(f"{_x(at, left):.1f},{_y(value):.1f}" for at, value in pairs)


def _x(evaluations: int, left: int) -> float:
    return left + WIDTH * (evaluations - POINTS[0]) / (POINTS[-1] - POINTS[0])


def _y(regret: float) -> float:
    """From 0.005 points at the bottom, where 0 stands too, to 5 at the top."""
    decades = math.log10(min(max(regret, 0.005), 5.0) / 0.005)
    return TOP + HEIGHT * (1 - decades / 3)
