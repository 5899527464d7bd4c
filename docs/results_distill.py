"""Fills the distillation section of results.md from the committed results of its benchmark.

.venv/bin/python docs/results_distill.py
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from results_page import ROOT, Section

RESULTS = ROOT / "benchmarks" / "results"
DATA = ("digits", "fashion-mnist")
SECTION = Section("distill")
HEAD = (
    "| budget | bits | images | seeds | without a teacher | with one | difference, points "
    "(95 % interval) | processor time |\n|---|---|---|---|---|---|---|---|"
)
ANSWERS = {"answers kept": "", "asked anew": ", the teacher asked about each shifted image"}


def found() -> list[dict[str, Any]]:
    """The results there are, one for each data set."""
    paths = [RESULTS / f"distill-{name}.json" for name in DATA]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def block(results: Sequence[Mapping[str, Any]]) -> str:
    """The section: for each data set what was measured, and a table."""
    parts = [part for result in results for part in (_told(result), _table(result))]
    return SECTION.of(parts)


def _told(result: Mapping[str, Any]) -> str:
    machine, data, teacher = result["machine"], result["data"], result["teacher"]
    budgets = "; ".join(_budget(name, budget) for name, budget in result["budgets"].items())
    return (
        f"**{data['name']}**, {data['train']:,} images to train on, {data['test']:,} to test on. "
        f"The teacher (`{teacher['structure']}`) classifies "
        f"{100 * teacher['held_out_accuracy']:.2f} % of the held-out images rightly; what learns "
        f"is `{result['student']}`, all of it at one width. {budgets}. {machine['processor']}, "
        "one thread."
    )


def _budget(name: str, budget: Mapping[str, Any]) -> str:
    images = f"{budget['images']:,}" if budget["images"] else "all"
    plural = "" if budget["epochs"] == 1 else "s"
    return f"`{name}`: {budget['epochs']:g} epoch{plural} of {images} images"


def _table(result: Mapping[str, Any]) -> str:
    mirrored = "mirrored" if result["data"]["mirrored"] else "as they are"
    rows = [_row(row, mirrored) for row in result["summary"]]
    return "\n".join([HEAD, *rows])


def _row(row: Mapping[str, Any], as_ever: str) -> str:
    low_high = row["interval_95_points"]
    reach = f" ({low_high[0]:+.2f} to {low_high[1]:+.2f})" if low_high else ""
    cells = [
        row["budget"],
        str(row["bits"]),
        f"shifted by {row['shift']}{ANSWERS[row['teacher']]}" if row["shift"] else as_ever,
        str(row["seeds"]),
        f"{row['without_percent']:.2f} %",
        f"{row['with_percent']:.2f} %",
        f"{row['difference_points']:+.2f}{reach}",
        f"{row['time_ratio']:.2f}x",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    SECTION.write(block(found()))
