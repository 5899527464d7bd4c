"""Fills the part on foretold latency in results.md from the committed result.

.venv/bin/python docs/results_latency_predictor.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("latency_predictor")
LARGEST_ERROR, LEAST_RANK = 0.1, 0.95  # what the predictor is meant to hold
HEAD = (
    "space",
    "networks",
    "mean error (95 % interval)",
    "half within, 95 % within, all within",
    "bias",
    "Spearman's rho (95 % interval)",
)


def block(result: Mapping[str, Any]) -> str:
    """The part: how it was measured, errors by space, and whether the marks are met."""
    rows = [*result["spaces"].items(), ("**all**", result["all"])]
    lines = [HEAD, ["---"] * len(HEAD), *(_row(name, found) for name, found in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return SECTION.of([_measured(result), table, _told(result)])


def _measured(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"Latency of {result['all']['networks']} random networks on `onnxruntime-cpu`, foretold "
        "from layers timed alone, against their exported files: batch 1, one thread, in turns with "
        "a reference network. Nothing was fitted to these networks. The table began empty: "
        f"{result['calibration_s']:.1f} s went by to calibrate it, {result['filling_s']:.0f} s to "
        f"time {result['kinds']} kinds of layers. "
        f"`make bench-latency-predictor`; {machine['processor']}, ONNX Runtime "
        f"{machine['onnxruntime']}."
    )


def _row(name: str, found: Mapping[str, Any]) -> list[str]:
    low, high = found["mean_error_interval_95"]
    least, most = found["spearman_interval_95"]
    within = ", ".join(_percent(at) for at in found["error_percentiles_50_95_100"])
    return [
        name,
        str(found["networks"]),
        f"{_percent(found['mean_error'])} ({_percent(low)} to {_percent(high)})",
        within,
        f"{100 * found['bias']:+.1f} %",
        f"{found['spearman']:.3f} ({least:.3f} to {most:.3f})",
    ]


def _told(result: Mapping[str, Any]) -> str:
    found, metered = result["all"], result["metered"]
    small = "met" if found["mean_error"] < LARGEST_ERROR else "missed"
    ordered = "met" if found["spearman"] >= LEAST_RANK else "missed"
    return (
        f"**Marks.** A mean error under {100 * LARGEST_ERROR:.0f} %: {small}. Spearman's rho of at "
        f"least {LEAST_RANK}: {ordered}. Against what the study's own meter said once of each "
        "file, not in turns, the mean error is "
        f"{_percent(metered['mean_error'])}, the largest "
        f"{_percent(metered['error_percentiles_50_95_100'][-1])}, rho {metered['spearman']:.3f}."
    )


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


if __name__ == "__main__":
    SECTION.rewrite(block)
