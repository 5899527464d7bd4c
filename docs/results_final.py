"""Fills the section on final networks in results.md from the committed result.

.venv/bin/python docs/results_final.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("final")
HEAD = (
    "| study | wanted | test accuracy | packed | file | MACs | candidates trained | CPU time | "
    "wall time |\n|---|---|---|---|---|---|---|---|---|"
)


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each study, and where its network lies."""
    rows = [_row(name, found) for name, found in result.items()]
    told = (_told(name, found) for name, found in result.items())
    return SECTION.of(["\n".join([HEAD, *rows]), *told])


def _row(name: str, found: Mapping[str, Any]) -> str:
    wanted, network = found["wanted"], found["network"]
    cells = [
        f"[{name}](../benchmarks/studies/{name}.yaml)",
        f"{100 * wanted['test_accuracy']:.1f} % within {wanted['packed_bytes'] / 1000:.0f} kB",
        f"**{100 * network['test_accuracy']:.2f} %**",
        f"{network['packed_bytes'] / 1000:.1f} kB",
        f"{network['file_bytes'] / 1000:.1f} kB",
        f"{network['macs'] / 1e6:.1f} M",
        f"{found['complete']} of {found['trials']}",
        _clock(found["cpu_s"]),
        _clock(found["wall_s"]),
    ]
    return f"| {' | '.join(cells)} |"


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"


def _told(name: str, found: Mapping[str, Any]) -> str:
    sittings = found["sittings"]
    kept = "reaches" if found["reached"] else "misses"
    units = ", ".join(_unit(unit, found["policy"]) for unit in found["units"])
    return (
        f"`{name}` {kept} its mark, in {sittings} sitting{'s' if sittings > 1 else ''}. "
        f"The [network](../benchmarks/results/final-{name}.onnx): {units}. `{found['command']}`; "
        f"{found['machine']['processor']}."
    )


def _unit(unit: Mapping[str, Any], policy: list[str]) -> str:
    """A unit in a few words: `body1/0` residual 24, lsq:2."""
    weights = next(
        (line.split()[2] for line in policy if line.startswith(f"{unit['path']} weight ")), ""
    )
    method = ":".join(weights.split(":")[:2])
    return f"{unit['kind'].replace('_', ' ')} {unit['width']} ({method})"


if __name__ == "__main__":
    SECTION.rewrite(block)
