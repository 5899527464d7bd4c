"""Fills the matrix of winners and targets in targets.md from the committed result.

.venv/bin/python docs/results_targets.py
"""

from collections.abc import Mapping
from typing import Any

from results_page import ROOT, Section

SECTION = Section("targets", page=ROOT / "docs" / "targets.md")


def block(result: Mapping[str, Any]) -> str:
    """The section: the winners, the matrix, what it says."""
    parts = [
        _winners(result["winners"]),
        _told(result),
        _matrix(result["matrix"]),
        _verdict(result),
    ]
    return SECTION.of([*parts])


def _winners(winners: Mapping[str, Any]) -> str:
    head = (
        "| searched for | winner | bits, weights x activations | test accuracy | latency there | "
        "energy there | its cycles are bound by |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(_winner(name, one) for name, one in winners.items())])


def _winner(name: str, one: Mapping[str, Any]) -> str:
    there = one["measured"][name]
    energy = there.get("energy_uj")
    cells = [
        f"`{name}`",
        one["structure"],
        " ".join(_bits(one["policy"])),
        f"{100 * one['test_accuracy']:.1f} %",
        f"{1000 * there['latency_ms']:,.2f} µs",
        "" if energy is None else f"{energy:.3f} µJ",
        ", ".join(_shares(there.get("bound_by", {}))),
    ]
    return f"| {' | '.join(cells)} |"


def _shares(bounds: Mapping[str, float]) -> list[str]:
    """What bounds the cycles, the largest share first."""
    ordered = sorted(bounds.items(), key=lambda item: -item[1])
    return [f"{bound} {100 * share:.0f} %" for bound, share in ordered if share >= 0.005]


def _bits(policy: Mapping[str, str]) -> list[str]:
    """Each unit's widths, in order: "4x8"; a unit without weights has its activations' alone."""
    units = dict.fromkeys(site.rpartition(".")[0] for site in policy)
    widths = {site: method.split(":")[1] for site, method in policy.items()}
    found = []
    for unit in units:
        both = (widths.get(f"{unit}.{role}") for role in ("weight", "activation"))
        found.append("x".join(bits for bits in both if bits is not None))
    return found


def _told(result: Mapping[str, Any]) -> str:
    trials = sum(one["trials"] for one in result["winners"].values())
    minutes = sum(one["cpu_s"] for one in result["winners"].values()) / 60
    weight = result["reward"]["metrics"]["latency_ms"]["weight"]
    return (
        f"One search for each target, {trials} candidates in all, the same data "
        f"({result['data']}), space, seed and reward: held-out accuracy x latency to the power of "
        f"-{weight:g}. Below, every winner's reward on every target, divided by that of the "
        "target's own winner: a row's network, a column's processor, a dash where it does not run. "
        "`make bench-targets`, "
        f"{minutes:.0f} minutes of one thread, compilers and emulators not counted; "
        f"{result['machine']['processor']}."
    )


def _matrix(matrix: Mapping[str, Mapping[str, float | None]]) -> str:
    names = list(matrix)
    head = f"| winner for | {' | '.join(f'on `{name}`' for name in names)} |"
    rows = [
        f"| `{name}` | {' | '.join(_cell(matrix[name][to]) for to in names)} |" for name in names
    ]
    return "\n".join([head, "|---" * (len(names) + 1) + "|", *rows])


def _cell(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"


def _verdict(result: Mapping[str, Any]) -> str:
    matrix = result["matrix"]
    first = [
        name
        for name in matrix
        if all((row[name] or 0) < 1 for other, row in matrix.items() if other != name)
    ]
    if len(first) == len(matrix):
        closest = max(row[to] or 0 for name, row in matrix.items() for to in row if to != name)
        return (
            "On every target its own winner comes first; the closest other comes to "
            f"{closest:.3f}. One seed: what lies less than a hundredth apart, another may turn."
        )
    lost = [name for name in matrix if name not in first]
    reached = {name: max(row[name] or 0 for row in matrix.values()) for name in lost}
    rest = ", ".join(f"`{name}` (to {share:.3f})" for name, share in reached.items())
    return (
        f"On {len(first)} of {len(matrix)} targets its own winner comes first. A network searched "
        f"for another target does as well or better on {rest}: the search did not find it. One "
        "seed: what lies less than a hundredth apart, another may turn."
    )


if __name__ == "__main__":
    SECTION.rewrite(block)
