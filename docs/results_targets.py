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
        "| searched for | seed | winner | bits, weights x activations | test accuracy | "
        "latency there | energy there | its cycles are bound by |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    rows = [
        _winner(name, seed, one) for name, found in winners.items() for seed, one in found.items()
    ]
    return "\n".join([head, *rows])


def _winner(name: str, seed: str, one: Mapping[str, Any]) -> str:
    there = one["measured"][name]
    energy = there.get("energy_uj")
    cells = [
        f"`{name}`",
        seed,
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
    winners = [one for found in result["winners"].values() for one in found.values()]
    trials = sum(one["trials"] for one in winners)
    minutes = sum(one["cpu_s"] for one in winners) / 60
    seeds = max(len(found) for found in result["winners"].values())
    weight = result["reward"]["metrics"]["latency_ms"]["weight"]
    return (
        f"A search for each target and seed ({seeds}), {trials:,} candidates in all, the same data "
        f"({result['data']}), space and reward: held-out accuracy x latency to the power of "
        f"-{weight:g}. Below, the mean reward of the winners for a target on every target, divided "
        "by that of the target's own: a row's networks, a column's processor, ± half of the mean's "
        "95 % interval, a dash where none runs. `make bench-targets`, "
        f"{minutes:.0f} minutes of one thread, compilers and emulators not counted; "
        f"{result['machine']['processor']}."
    )


def _matrix(matrix: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(matrix)
    head = f"| winners for | {' | '.join(f'on `{name}`' for name in names)} |"
    rows = [
        f"| `{name}` | {' | '.join(_cell(matrix[name][to]) for to in names)} |" for name in names
    ]
    return "\n".join([head, "|---" * (len(names) + 1) + "|", *rows])


def _cell(share: Mapping[str, float | None] | None) -> str:
    if share is None:
        return "-"
    half = share["half_interval"]
    return f"{share['mean']:.4f}" + ("" if half is None else f" ± {half:.4f}")


def _verdict(result: Mapping[str, Any]) -> str:
    matrix = result["matrix"]
    closest = {
        to: max((row[to]["mean"], name) for name, row in matrix.items() if name != to and row[to])
        for to in matrix
    }
    lost = [
        f"`{to}` ({share:.4f}, those for `{name}`)"
        for to, (share, name) in closest.items()
        if share >= 1
    ]
    if lost:
        return (
            f"On {len(matrix) - len(lost)} of {len(matrix)} targets its own winners come first. "
            f"Networks searched for another target do as well or better on {', '.join(lost)}."
        )
    to, (share, name) = max(closest.items(), key=lambda item: item[1])
    return (
        "On every target its own winners come first; the closest others are those for "
        f"`{name}` on `{to}`, which come to {share:.4f}."
    )


if __name__ == "__main__":
    SECTION.rewrite(block)
