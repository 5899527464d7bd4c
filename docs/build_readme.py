"""Fills the README's demo block, and draws its picture, from the committed results of a real run.

    .venv/bin/python docs/build_readme.py                     # from benchmarks/results
    .venv/bin/python docs/build_readme.py runs/fashion-mnist  # takes that study's results first

Every number in the block comes from the two result files; a test holds the README to them.
"""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plot_pareto import PICTURE, RESULTS, draw
from results_page import replaced
from rich.console import Console

import bitwright as bw
from bitwright.report import tables, wording
from bitwright.report.json_view import as_json

README = RESULTS.parents[2] / "README.md"
TABLE = RESULTS.with_suffix(".txt")
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"
MACHINE = ("processor", "cores", "threads", "device", "torch", "onnxruntime")


def take(study: Path) -> None:
    """Writes the result files from a study that has ended."""
    view = bw.view(study)
    known = dict(view.environment)
    machine = {name: known[name] for name in MACHINE if name in known}
    results = {**as_json(view), "environment": machine}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(f"{view.study}: {wording.ending(view)}; {wording.tally(view.outcomes)}")
    console.print(tables.comparison(view))
    if view.final:
        console.print(tables.units(view.final))
        console.print(tables.proof(view.final))
    lines = (line.rstrip() for line in console.export_text().splitlines())
    TABLE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def block(results: Mapping[str, Any], table: str) -> str:
    """The demo block: what the run found, in a sentence, a table and a picture."""
    final, machine = results["final"], results.get("environment", {})
    told = (
        f"This run handed over a network that classifies **{100 * final['test_accuracy']:.2f} %** "
        f"of the 10,000 test images rightly, in **{final['packed_bytes'] / 1000:.1f} kB** packed "
        f"({final['file_bytes'] / 1000:.1f} kB as a file)."
    )
    where = ", ".join(f"{name} {value}" for name, value in machine.items())
    parts = [
        BEGIN,
        told + (f" It ran on: {where}." if where else ""),
        f"```text\n{table.rstrip()}\n```",
        "![Accuracy against packed size: trials, winner and baseline](docs/pareto.svg)",
        END,
    ]
    return "\n\n".join(parts)


def with_block(readme: str, text: str) -> str:
    """The README with its demo block replaced."""
    return replaced(readme, text, begin=BEGIN, end=END)


def main() -> None:
    """Rewrites README and picture."""
    for study in sys.argv[1:2]:
        take(Path(study))
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PICTURE.write_text(draw(results), encoding="utf-8")
    text = block(results, TABLE.read_text(encoding="utf-8"))
    README.write_text(with_block(README.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
