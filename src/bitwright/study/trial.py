"""An outcome as an Optuna trial: what people see in `optuna-dashboard`, under readable names.

Parameters are the genome's picks by their path, the value is the reward, metrics are user
attributes. The record lies among the system attributes, which the dashboard does not print.
"""

import datetime
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bitwright.errors import StoreError
from bitwright.records import Outcome, Pick, Policy

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

RECORD_KEY = "record"


def trial_of(
    outcome: Outcome,
    text: str,
    declared: Mapping[str, tuple[Pick, ...]],
    place: str,
    met: Mapping[str, "BaseDistribution"] = MappingProxyType({}),
) -> "FrozenTrial":
    """The outcome as Optuna and its dashboard show it.

    `text` is its record, `place` the study's name for messages. A distribution that earlier trials
    `met` is used again where its options are the same object: comparing costs more than asking.
    An infeasible outcome is a complete trial that breaks a constraint, so it never counts as best;
    a failed one has no value, its reward is among the attributes.
    """
    from optuna.trial import TrialState, create_trial

    distributions = {
        path: distribution
        for path, pick in outcome.genome.picks
        if (distribution := _distribution(path, pick, declared, place, met)) is not None
    }
    picks = outcome.genome.as_dict()
    failed = outcome.state == "failed"
    trial = create_trial(
        state=TrialState.FAIL if failed else TrialState.COMPLETE,
        value=None if failed else outcome.reward,
        params={path: picks[path] for path in distributions},
        distributions=distributions,
        user_attrs=_attributes(outcome),
        system_attrs={RECORD_KEY: json.loads(text), **_constraints(outcome)},
    )
    taken = datetime.timedelta(seconds=sum(seconds for _, seconds in outcome.seconds))
    trial.datetime_start = (trial.datetime_complete or datetime.datetime.now()) - taken
    return trial


def _distribution(
    path: str,
    pick: Pick,
    declared: Mapping[str, tuple[Pick, ...]],
    place: str,
    met: Mapping[str, "BaseDistribution"],
) -> "BaseDistribution | None":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    options = declared.get(path)
    if options is None:  # Optuna lets the range of a number grow later, not a list of options
        return None if isinstance(pick, str) else FloatDistribution(pick, pick)
    if pick not in options:
        raise StoreError(
            f"{place}: pick {pick!r} of '{path}' is none of the declared {list(options)}; "
            "declare the union of all options that the study may meet"
        )
    known = met.get(path)
    if isinstance(known, CategoricalDistribution) and known.choices is options:
        return known
    return CategoricalDistribution(options)


def _constraints(outcome: Outcome) -> dict[str, list[float]]:
    """Optuna's mark of an infeasible trial: a positive number, in the form the dashboard reads."""
    if outcome.state != "infeasible":
        return {}
    return {"constraints": [max(-outcome.reward, 1e-9)]}


def _attributes(outcome: Outcome) -> dict[str, Any]:
    """What a person looks for in a trial, each under its own name; no long texts."""
    shown: dict[str, Any] = {"state": outcome.state, "iteration": outcome.iteration}
    for name, measured in outcome.metrics:
        shown[name] = measured.value
        if measured.spread is not None:
            shown[f"{name}_spread"] = measured.spread
    shown |= {
        "bits": _bits(outcome.policy),
        "reason": outcome.reason,
        "model": outcome.model,
        "lost": outcome.lost or None,
        "fidelity": None if outcome.fidelity == 1 else outcome.fidelity,
        "goes_on": outcome.goes_on,
        "reward": outcome.reward if outcome.state == "failed" else None,
        "seconds": {name: round(seconds, 3) for name, seconds in outcome.seconds} or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _bits(policy: Policy) -> str | None:
    """Such as "weights 2-8, mean 4.5; activations 8-8, mean 8.0"."""
    parts = []
    for role in ("weight", "activation"):
        widths = [method.bits for site, method in policy if site.role == role]
        if widths:
            mean = sum(widths) / len(widths)
            parts.append(f"{role}s {min(widths)}-{max(widths)}, mean {mean:.1f}")
    return "; ".join(parts) or None
