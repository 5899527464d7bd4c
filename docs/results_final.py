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
        _mark(wanted),
        f"**{100 * network['test_accuracy']:.2f} %**",
        f"{network['packed_bytes'] / 1000:.1f} kB",
        f"{network['file_bytes'] / 1000:.1f} kB",
        f"{network['macs'] / 1e6:.1f} M",
        f"{found['complete']} of {found['trials']}",
        _clock(found["cpu_s"]),
        _clock(found["wall_s"]),
    ]
    return f"| {' | '.join(cells)} |"


def _mark(wanted: Mapping[str, Any]) -> str:
    shares = [f"{100 * wanted['test_accuracy']:.1f} %"]
    if wanted["packed_bytes"] is not None:
        shares.append(f"within {wanted['packed_bytes'] / 1000:g} kB")
    if wanted.get("latency") is not None:
        shares.append(f"in {wanted['latency']:g} of an int8 ResNet-8's time")
    return " ".join(shares)


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"


def _told(name: str, found: Mapping[str, Any]) -> str:
    sittings = found["sittings"]
    kept = "reaches" if found["reached"] else "misses"
    units = ", ".join(_unit(unit, found["policy"]) for unit in found["units"])
    return (
        f"`{name}` {kept} its mark, in {sittings} sitting{'s' if sittings > 1 else ''}."
        f"{_beside(found.get('beside_resnet8'))} "
        f"The [network](../benchmarks/results/final-{name}.onnx): {units}. `{found['command']}`; "
        f"{found['machine']['processor']}."
    )


def _beside(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    low, high = found["quartiles"]
    return (
        f" It takes {found['ratio']:.2f} of an int8 ResNet-8's time (quartiles {low:.2f} to "
        f"{high:.2f}; {found['ms']:.3f} against {found['resnet8_ms']:.3f} ms, in turns)."
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
