"""Which recorded trial's weights a new candidate may start from: the one that is the most like it.

The answer depends on recorded outcomes alone, so that one seed gives one search.
"""

from collections.abc import Callable, Sequence

from bitwright.control.reward import ACCURACY
from bitwright.execute.weights import KEPT
from bitwright.records import Blueprint, Genome, Outcome, Policy, UnitSpec
from bitwright.space.joint import JointSpace

OTHER_FIELD = 0.5  # what of a unit's likeness is left where a kernel, say, differs
OTHER_METHOD = 0.9
CLOSE = 0.1  # so much less like a candidate, a relative is still chosen if it is more accurate

Chooser = Callable[[Genome, Sequence[Outcome]], int | None]


def nobody(genome: Genome, outcomes: Sequence[Outcome]) -> int | None:
    """For evaluators that ask for no relative."""
    return None


def nearest_in(space: JointSpace, without: frozenset[int] = frozenset()) -> Chooser:
    """Chooses, of the last trials that are about as like it as any, the most accurate.

    Accuracy gathers along a line of descent: a good relative has a longer training behind it. None
    where no complete trial shares a unit with the candidate. Those `without` weights do not count.
    """

    def choose(genome: Genome, outcomes: Sequence[Outcome]) -> int | None:
        blueprint = space.decode(genome)
        likes = {
            outcome: likeness(blueprint, outcome.units, outcome.policy)
            for outcome in outcomes[-KEPT:]
            if outcome.state == "complete" and outcome.number not in without
        }
        likest = max(likes.values(), default=0.0)
        close = [outcome for outcome, like in likes.items() if 0 < like >= likest - CLOSE]
        return max(close, key=_worth).number if close else None

    return choose


def _worth(outcome: Outcome) -> tuple[float, int]:
    """Its accuracy, where that was measured; of equals the newest."""
    accuracy = outcome.metric(ACCURACY)
    return outcome.reward if accuracy is None else accuracy, outcome.number


def likeness(blueprint: Blueprint, units: Sequence[UnitSpec], policy: Policy) -> float:
    """How much of the network could come from the other one, 0 to 1.

    Units count alike, by place: nothing where the kind is another, less where widths differ, some
    fields, or methods.
    """
    others = {unit.path: unit for unit in units}
    methods, other_methods = dict(blueprint.policy), dict(policy)
    whole = 0.0
    for unit in blueprint.units[:-1]:  # the last one is the classifier, which all share
        other = others.get(unit.path)
        if other is None or other.kind != unit.kind:
            continue
        mine, its = dict(unit.params), dict(other.params)
        part = 1.0
        for name, value in mine.items():
            if value != its.get(name):
                part *= _ratio(value, its.get(name)) if name == "width" else OTHER_FIELD
        part *= OTHER_METHOD ** sum(
            method != other_methods.get(site)
            for site, method in methods.items()
            if site.unit == unit.path
        )
        whole += part
    return whole / max(1, len(blueprint.units) - 1)


def _ratio(a: object, b: object) -> float:
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return OTHER_FIELD
    return min(a, b) / max(a, b)
