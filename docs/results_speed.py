"""Fills the speed section of results.md from the committed results of its benchmarks.

.venv/bin/python docs/results_speed.py
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from results_page import ROOT, Section

STEP = ROOT / "benchmarks/results/qat-step.json"
LATENCY = ROOT / "benchmarks/results/latency.json"
NOT_RUN = "`make bench-{}` has not been run to its end on this version."
TWICE = 2.0  # times as fast as float32, that one network is to be
SECTION = Section("speed")


def found(path: Path) -> dict[str, Any]:
    """A result file's object; empty where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def block(step: Mapping[str, Any], latency: Mapping[str, Any]) -> str:
    """The section: the training step, its accuracy, and the latency of exported files."""
    parts = list(_step(step["step"])) if "step" in step else [NOT_RUN.format("qat-step")]
    whole = "fast_minus_exact_points" in step.get("accuracy", {})
    parts.append(_accuracy(step["accuracy"]) if whole else NOT_RUN.format("qat-accuracy"))
    parts += _latency(latency) if latency else [NOT_RUN.format("latency")]
    return SECTION.of(parts)


def _where(machine: Mapping[str, str]) -> str:
    threads = "one thread" if machine["threads"] == "1" else f"{machine['threads']} threads"
    return f"{machine['processor']}, {threads}, torch {machine['torch']}"


def _step(step: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"**A quantization-aware training step.** {step['network']}; {_where(step['machine'])}; "
        f"{step['rounds']} rounds in turns. Candidates train in {step['candidates_train_in']} by "
        f"default on this processor. Beside it: {step['brevitas']}."
    )
    rows = [f"| {name} | {ms:.1f} ms |" for name, ms in step["ms_per_step"].items()]
    yield "\n".join(["| step | median |", "|---|---|", *rows])
    rows = [_spread_row(name, ratio, 2) for name, ratio in step["ratios"].items()]
    yield "\n".join(["| time of one to the other | median (quartiles) |", "|---|---|", *rows])


def _spread_row(name: str, ratio: Mapping[str, Any], digits: int) -> str:
    low, high = ratio["quartiles"]
    return f"| {name} | {ratio['median']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}) |"


def _accuracy(part: Mapping[str, Any]) -> str:
    low, high = part["fast_minus_exact_points"]["interval_95"]
    fast, exact = (100 * part["mean_accuracy"][way] for way in ("fast", "exact"))
    return (
        f"**What the fast step costs in accuracy.** The same network after {part['epochs']} epochs "
        f"({part['data']}), five seeds: {fast:.2f} % by the compiled step in "
        f"{part['fast_trains_in']}, {exact:.2f} % by torch's own operations in float32; the paired "
        f"difference is {part['fast_minus_exact_points']['mean']:+.2f} points (95 % interval "
        f"{low:+.2f} to {high:+.2f})."
    )


def _latency(latency: Mapping[str, Any]) -> Iterator[str]:
    networks, machine = latency["networks"], latency["machine"]
    policies = list(next(iter(networks.values()))["speedup_over_float32"])
    yield (
        f"**Exported files against float32.** ONNX Runtime {machine['onnxruntime']}, batch 1; "
        f"{_where(machine)}; {latency['rounds']} rounds in turns. How many times faster the file "
        "is than the same network in float32; [decision 2](decisions/0002-onnx-form.md) says why "
        "narrow depthwise layers do not pay. *Mixed* is the file whose layers run in float32 where "
        "that was measured to be faster ([decision 13](decisions/0013-float-layers.md)): the same "
        f"as in integers but for {_formed(networks)}."
    )
    yield _marks(networks)
    head = ["network", "million MACs", "float32", *policies]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, network in networks.items():
        times = [f"{network['speedup_over_float32'][at]['median']:.2f}x" for at in policies]
        cells = [name, f"{network['macs'] / 1e6:.1f}", f"{network['ms']['float32']:.3f} ms", *times]
        lines.append("| " + " | ".join(cells) + " |")
    yield "\n".join(lines)


def _formed(networks: Mapping[str, Any]) -> str:
    """The networks of which a file has float layers."""
    found = [name for name, one in networks.items() if any(one["float_layers"].values())]
    return ", ".join(found) or "none"


def _marks(networks: Mapping[str, Any]) -> str:
    """Whether one network is far faster in 8 bits, and none slower than in float32."""
    name, best = max(
        ((name, one["speedup_over_float32"]["w8a8"]["median"]) for name, one in networks.items()),
        key=lambda pair: pair[1],
    )
    twice = f"{'met' if best >= TWICE else 'missed'}, {name} is {best:.2f}x"
    slower = [
        f"{name} {at} ({speed['median']:.2f}x)"
        for name, one in networks.items()
        for at, speed in one["speedup_over_float32"].items()
        if f"{at} mixed" not in one["speedup_over_float32"] and speed["median"] < 1
    ]
    told = f"missed by {', '.join(slower)}" if slower else "met"
    return (
        f"**Marks.** In 8 bits at least one network {TWICE:g} times as fast as in float32: "
        f"{twice}. No network slower than its float32 form: {told}."
    )


if __name__ == "__main__":
    SECTION.write(block(found(STEP), found(LATENCY)))
