"""Several studies side by side, as values: what differs between them and what each came to."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bitwright.control.converge import comparable
from bitwright.metrics import ACCURACY, Metric, traded
from bitwright.records import Outcome
from bitwright.report.hypervolume import hypervolume
from bitwright.study.view import StudyView

CHECKPOINTS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
UNSET = "-"
MARGIN = 0.1  # of the range, beyond the worst trial: so that the extremes of a front count too


@dataclasses.dataclass(frozen=True, slots=True)
class Dominated:
    """How much of accuracy against one cost each study's trials dominate (0 to 1).

    Of one box for all studies: from a tenth beyond the worst to the best value of all their
    complete trials. None for a study without such trials, and for all where values do not differ.
    """

    cost: Metric
    shares: tuple[float | None, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Studies by their labels, in the order they were named.

    `settings` holds (key, one value a study) of the keys that differ. `rewards` holds (trials, best
    reward so far of each study), None where a study has not had so many or none was complete.
    """

    labels: tuple[str, ...]
    views: tuple[StudyView, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    rewards: tuple[tuple[int, tuple[float | None, ...]], ...]
    dominated: tuple[Dominated, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What may not be compared, one sentence each."""
        differ = {key for key, _ in self.settings}
        found = []
        if "data.name" in differ:
            found.append("The data sets differ: accuracies do not compare.")
        if any(key.split(".")[0] in ("reward", "limits") for key in differ):
            found.append("The rewards or limits differ: rewards do not compare.")
        if len({dict(view.environment).get("processor") for view in self.views}) > 1:
            found.append("The processors differ: latencies do not compare.")
        return tuple(found)


def compare(paths: Sequence[Path], views: Sequence[StudyView]) -> Comparison:
    """The studies stored at `paths` side by side."""
    return Comparison(
        labels=labels(paths, views),
        views=tuple(views),
        settings=differing([yaml.safe_load(view.settings) or {} for view in views]),
        rewards=_rewards(views),
        dominated=_dominated(views),
    )


def labels(paths: Sequence[Path], views: Sequence[StudyView]) -> tuple[str, ...]:
    """The studies' names; where two share one, their paths, shortened to what differs."""
    names = [view.study for view in views]
    if len(set(names)) == len(names):
        return tuple(names)
    places = [str(path.resolve()) for path in paths]
    shared = len(os.path.commonpath([str(Path(place).parent) for place in places]))
    return tuple(place[shared:].lstrip("/") for place in places)


def differing(
    settings: Sequence[Mapping[str, Any]],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The dotted keys whose values are not the same in all studies, with those values."""
    flat = [dict(_flat(setting)) for setting in settings]
    keys = dict.fromkeys(key for one in flat for key in one)
    rows = ((key, tuple(one.get(key, UNSET) for one in flat)) for key in keys)
    return tuple((key, values) for key, values in rows if len(set(values)) > 1)


def _flat(value: Any, place: str = "") -> list[tuple[str, str]]:
    """Every leaf below a mapping by its dotted key; a list of mappings goes by the items' names."""
    if isinstance(value, Mapping) and value:
        parts = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        parts = [(str(item.get("name", at)), item) for at, item in enumerate(value)]
    else:
        return [(place, _text(value))]
    return [leaf for key, item in parts for leaf in _flat(item, f"{place}.{key}" if place else key)]


def _text(value: Any) -> str:
    if value is None:
        return UNSET
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()


def best_so_far(outcomes: Sequence[Outcome]) -> list[float | None]:
    """The best reward of a complete trial after each trial; None before the first."""
    best: float | None = None
    curve = []
    counted = {outcome.number for outcome in comparable(outcomes)}
    for outcome in outcomes:
        if outcome.number in counted and (best is None or outcome.reward > best):
            best = outcome.reward
        curve.append(best)
    return curve


def _rewards(views: Sequence[StudyView]) -> tuple[tuple[int, tuple[float | None, ...]], ...]:
    curves = [best_so_far(view.outcomes) for view in views]
    ends = {len(curve) for curve in curves}
    counts = sorted({*(at for at in CHECKPOINTS if at < max(ends)), *ends} - {0})
    return tuple(
        (count, tuple(curve[count - 1] if count <= len(curve) else None for curve in curves))
        for count in counts
    )


def _dominated(views: Sequence[StudyView]) -> tuple[Dominated, ...]:
    """Accuracy against each cost that every complete trial of every study measured."""
    complete = [comparable(view.outcomes) for view in views]
    everything = [outcome for outcomes in complete for outcome in outcomes]
    return tuple(
        Dominated(cost, _shares([[_point(o, cost) for o in outcomes] for outcomes in complete]))
        for cost in traded(name for outcome in everything for name, _ in outcome.metrics)
        if all(outcome.metric(cost.name) is not None for outcome in everything)
    )


def _point(outcome: Outcome, cost: Metric) -> tuple[float, float]:
    return outcome.metric(ACCURACY.name) or 0.0, outcome.metric(cost.name) or 0.0


def _shares(clouds: Sequence[Sequence[tuple[float, float]]]) -> tuple[float | None, ...]:
    accuracies, costs = zip(*(point for cloud in clouds for point in cloud), strict=True)
    ideal = max(accuracies), min(costs)
    reference = _beyond(min(accuracies), ideal[0]), _beyond(max(costs), ideal[1])
    return tuple(
        hypervolume(cloud, reference=reference, ideal=ideal) if cloud else None for cloud in clouds
    )


def _beyond(worst: float, best: float) -> float:
    return worst + MARGIN * (worst - best)
