"""Fills the section on common seeds in results.md from the committed result.

.venv/bin/python docs/results_common_seed.py
"""

import statistics
from collections.abc import Mapping
from typing import Any

from results_page import Section

SECTION = Section("common_seed")


def block(result: Mapping[str, Any]) -> str:
    """The section: accuracies by network and seed, and what is chance in them."""
    table = by_network(result)
    seeds = sorted({seed for row in table.values() for seed in row}, key=int)
    head = f"| network | {' | '.join(f'seed {seed}' for seed in seeds)} | mean |"
    rows = [head, "|" + "---|" * (len(seeds) + 2)]
    for name, row in table.items():
        cells = [name, *(f"{100 * row[seed]:.2f} %" for seed in seeds)]
        rows.append(f"| {' | '.join(cells)} | {100 * statistics.mean(row.values()):.2f} % |")
    found = result["summary"]
    told = (
        f"Means of networks lie {found['between_networks']:.2f} points apart, as a standard "
        f"deviation. With a seed of its own a candidate's accuracy is off by "
        f"{found['own_seeds']:.2f} points; with one seed for all, what sets two of them apart is "
        f"off by {found['common_seed']:.2f} for each: as if every candidate had been trained "
        f"{(found['own_seeds'] / found['common_seed']) ** 2:.1f} times. "
        f"`{result['command']}`; {result['machine']['processor']}, one thread."
    )
    return SECTION.of(["\n".join(rows), told])


def by_network(result: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Accuracies by network and seed, the best network last."""
    table: dict[str, dict[str, float]] = {}
    for name, run in result["runs"].items():
        network, _, seed = name.rpartition(" ")
        table.setdefault(network, {})[seed] = run["accuracy"]
    return dict(sorted(table.items(), key=lambda item: statistics.mean(item[1].values())))


if __name__ == "__main__":
    SECTION.rewrite(block)
