"""The table of OpenVINO in docs/targets.md is the committed result, row by row."""

import json
from pathlib import Path

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "openvino.json"
TARGETS = ("onnxruntime-cpu", "openvino")


def row(name: str, policy: str, one: dict) -> str:
    times = [f"{1000 * one['ms'][target]:.1f} µs" for target in TARGETS]
    faster = f"{one['openvino_faster']:.2f}\N{MULTIPLICATION SIGN}"
    different = ", ".join(f"{100 * one['different'][target]:.1f} %" for target in TARGETS)
    return f"| {' | '.join((name, f'{policy[1]}x{policy[3]}', *times, faster, different))} |"


def test_the_table_is_the_result(papers) -> None:
    networks = json.loads(RESULT.read_text(encoding="utf-8"))["networks"]
    section = papers["docs/targets.md"].section("## `openvino`: OpenVINO on this processor")
    rows = [row(name, at, one) for name, found in networks.items() for at, one in found.items()]
    assert len(rows) == 10
    assert [line for line in section.splitlines() if " µs |" in line] == rows
