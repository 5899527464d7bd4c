"""Fills the part on beginnings in full precision in results.md from the committed result.

.venv/bin/python docs/results_beginning.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("beginning")


def block(result: Mapping[str, Any]) -> str:
    """The part: for each setting a table, bits by parts of the steps; then the cost."""
    names = dict.fromkeys(row["setting"] for row in result["summary"])
    tables = [part for name in names for part in _setting(name, result)]
    return SECTION.of([*tables, _told(result)])


def _setting(name: str, result: Mapping[str, Any]) -> tuple[str, str]:
    setting = result["settings"][name]
    rows = [row for row in result["summary"] if row["setting"] == name]
    parts = list(dict.fromkeys(row["part"] for row in rows))
    head = ["weights", "seeds", *(f"{part:g} of the steps" if part else "none" for part in parts)]
    lines = [head, ["---"] * len(head)]
    for bits in dict.fromkeys(row["bits"] for row in rows):
        mine = [row for row in rows if row["bits"] == bits]
        lines.append([f"{bits} bits", str(mine[0]["seeds"]), *map(_cell, mine)])
    epochs, images = setting["train"]["epochs"], setting["train"]["images"]
    title = (
        f"**{setting['data']}**, {epochs:g} epochs of {f'{images:,}' if images else 'all'} images, "
        f"`{setting['network']}`:"
    )
    return title, "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: Mapping[str, Any]) -> str:
    text = f"{row['percent']:.2f} %"
    if not row["part"]:
        return text
    half = row["half_interval"]
    reach = "" if half is None else f" ± {half:.2f}"
    return f"{text} ({row['gain_points']:+.2f}{reach})"


def _told(result: Mapping[str, Any]) -> str:
    ratios = [row["time_ratio"] for row in result["summary"] if row["part"]]
    return (
        "In brackets the gain in points, paired by seed, ± the half 95 % interval. A training "
        f"takes {min(ratios):.2f} to {max(ratios):.2f} of the CPU time. `make bench-beginning`; "
        f"{result['machine']['processor']}, one thread."
    )


if __name__ == "__main__":
    SECTION.rewrite(block)
