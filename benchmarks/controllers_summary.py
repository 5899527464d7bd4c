"""What the runs of controllers.py come to in numbers: regrets with their intervals, and luck."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import machine
from scipy.stats import mannwhitneyu

POINTS = tuple(range(10, 201, 10))  # evaluations after which the regret is told
RESAMPLES = 2000
NONE_LEFT = 1e-5  # points; what rounding leaves of no regret
Floats = npt.NDArray[np.float64]
Runs = Mapping[tuple[str, str], Mapping[int, Floats]]  # (table, contender) to seed to regrets


def summary(runs: Runs, titles: Mapping[str, str], about: Mapping[str, Any]) -> dict[str, Any]:
    """All numbers of the result file; regrets are in points, a hundredth of the reward."""
    tables: dict[str, Any] = {}
    for (table, contender), found in runs.items():
        regrets = np.array([found[seed] for seed in sorted(found)])[:, [at - 1 for at in POINTS]]
        random = np.array(list(runs[table, "random"].values()))[:, -1]
        low, high = band(regrets)
        tables.setdefault(table, {"title": titles[table], "contenders": {}})
        tables[table]["contenders"][contender] = {
            "seeds": len(found),
            "regret": rounded(regrets.mean(0)),
            "low": rounded(low),
            "high": rounded(high),
            "median_at_end": round(float(np.median(regrets[:, -1])), 4),
            "found_the_best": round(float((regrets[:, -1] < NONE_LEFT).mean()), 3),
            "p_against_random": None
            if contender == "random"
            else float(mannwhitneyu(regrets[:, -1], random, alternative="less").pvalue),
        }
    return {**about, "evaluations": list(POINTS), "machine": machine(), "tables": tables}


def band(regrets: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of the mean at each point, by resampling the seeds. `regrets`: (S, P)."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(regrets), size=(RESAMPLES, len(regrets)))
    means = regrets[drawn].mean(1)
    return np.quantile(means, 0.025, axis=0), np.quantile(means, 0.975, axis=0)


def rounded(values: Floats) -> list[float]:
    """Four decimals are more than the tables hold."""
    return [round(float(value), 4) for value in values]
