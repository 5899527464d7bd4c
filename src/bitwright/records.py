"""The values that travel: genome, blueprint, measurement, outcome. Frozen, and JSON both ways."""

import dataclasses
import functools
import json
import sys
from collections.abc import Mapping
from typing import Any, Literal

from bitwright.errors import ConfigError, StoreError
from bitwright.quant.spec import Method, Role, Site

SCHEMA_VERSION = 1
LONG = 100  # characters; longer texts are a trial's own
Pick = int | float | str
State = Literal["complete", "infeasible", "failed"]


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """One decision: a path such as "body/1/kernel" and the options it is taken from."""

    path: str
    options: tuple[Pick, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Genome:
    """The picks that name one candidate of one space, in the order they were taken."""

    space_id: str
    picks: tuple[tuple[str, Pick], ...] = ()

    def with_pick(self, path: str, pick: Pick) -> "Genome":
        """This genome with one more pick at its end."""
        return Genome(self.space_id, (*self.picks, (path, pick)))

    def as_dict(self) -> dict[str, Pick]:
        """Path to pick."""
        return dict(self.picks)


@dataclasses.dataclass(frozen=True, slots=True)
class UnitSpec:
    """One unit of a network: where it stands, its kind, and the parameters its kind asks for."""

    path: str
    kind: str
    params: tuple[tuple[str, Pick], ...] = ()

    def __getitem__(self, name: str) -> Pick:
        """The parameter's value; KeyError if the kind has none of that name."""
        return dict(self.params)[name]

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole-number parameter; `default` where the unit does not set it."""
        value = dict(self.params).get(name, default)
        if not isinstance(value, int):
            raise KeyError(f"unit '{self.path}' ({self.kind}) has no whole number '{name}'")
        return value


Policy = tuple[tuple[Site, Method], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Blueprint:
    """A network to build: its units in order, the policy over them, and what goes in and out."""

    input_shape: tuple[int, ...]
    classes: int
    units: tuple[UnitSpec, ...]
    policy: Policy

    def method(self, unit: str, role: Role) -> Method:
        """The method the policy assigns to a unit's weights or activations."""
        return dict(self.policy)[Site(unit, role)]


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """One metric with the spread and the context it was taken in.

    `spread` is half the distance between the quartiles for timed metrics, None for exact ones.
    """

    value: float
    spread: float | None = None
    context: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """A guess at what a candidate is worth before it is evaluated.

    `accuracy` is the held-out accuracy that is expected (0 to 1), `spread` its standard deviation.
    """

    accuracy: float
    spread: float


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one trial; stored before any controller sees it.

    `reward` is always a number: an infeasible or failed candidate gets a negative one that grows
    with the violation, so that a controller can learn from it. `curve` holds (epoch, training loss,
    held-out accuracy or None). `seconds` gives the time of each part (propose, build, train,
    export, measure). `model` is the exported file's path relative to the study's folder, where it
    was kept. `lost` counts the evaluations that ended because their worker process died. `relative`
    is the trial whose weights the network started from, None where it was trained from scratch.
    `fidelity` is the part of the whole budget that it was trained for: outcomes of different parts
    do not compare. `goes_on` is the trial whose training this one took further, of the same genome
    and seed; its curve is the curve of both. `estimate` is what a screen guessed of the candidate
    when it was proposed; nothing else holds guesses.
    """

    number: int
    iteration: int
    genome: Genome
    state: State
    reward: float
    metrics: tuple[tuple[str, Measurement], ...] = ()
    policy: Policy = ()
    units: tuple[UnitSpec, ...] = ()
    reason: str | None = None
    traceback: str | None = None
    curve: tuple[tuple[float, float, float | None], ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()
    seed: int = 0
    model: str | None = None
    lost: int = 0
    relative: int | None = None
    fidelity: float = 1.0
    goes_on: int | None = None
    estimate: Estimate | None = None

    @property
    def epochs(self) -> float | None:
        """The passes over the training data in all; None where it was not trained."""
        return self.curve[-1][0] if self.curve else None

    def metric(self, name: str) -> float | None:
        """A metric's value, or None where it was not measured."""
        found = dict(self.metrics).get(name)
        return None if found is None else found.value


def encode(value: Any) -> Any:
    """A record as plain JSON values; sites and methods become text."""
    if isinstance(value, Method):
        return str(value)
    if isinstance(value, Genome):
        return {"space_id": value.space_id, "picks": dict(value.picks)}
    if isinstance(value, UnitSpec):
        return {"path": value.path, "kind": value.kind, **dict(value.params)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {
            field.name: encode_field(field.name, getattr(value, field.name)) for field in fields
        }
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def encode_field(name: str, value: Any) -> Any:
    """A record's field as JSON: the pair tuples that stand for mappings become objects."""
    if name in ("metrics", "policy", "seconds", "context"):
        return {str(key): encode(item) for key, item in value}
    return encode(value)


def outcome_to_json(outcome: Outcome) -> str:
    """The outcome as one JSON text, with the schema version."""
    return json.dumps({"schema": SCHEMA_VERSION, **encode(outcome)}, allow_nan=False)


def outcome_from_json(text: str) -> Outcome:
    """The outcome that `outcome_to_json` wrote; StoreError for a newer or a broken record."""
    try:
        data = json.loads(text, object_pairs_hook=_sharing)
        version = int(data["schema"])
        if version <= SCHEMA_VERSION:
            return _outcome(data)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise StoreError(
            f"a trial's record cannot be read ({type(error).__name__}: {error}); "
            "restore the database"
        ) from error
    raise StoreError(
        f"a trial's record has schema {version}, this program knows {SCHEMA_VERSION}; "
        "update bitwright"
    )


def _sharing(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; texts that every trial repeats are one object in memory for all of them."""
    return {
        sys.intern(k): sys.intern(v) if type(v) is str and len(v) < 100 else v for k, v in pairs
    }


def _outcome(data: Mapping[str, Any]) -> Outcome:
    return Outcome(
        number=data["number"],
        iteration=data["iteration"],
        genome=Genome(data["genome"]["space_id"], tuple(data["genome"]["picks"].items())),
        state=data["state"],
        reward=data["reward"],
        metrics=tuple((name, _measurement(item)) for name, item in data["metrics"].items()),
        policy=policy_from_dict(data["policy"]),
        units=tuple(unit_from_dict(unit) for unit in data["units"]),
        reason=data["reason"],
        traceback=data["traceback"],
        curve=tuple((epoch, loss, accuracy) for epoch, loss, accuracy in data["curve"]),
        seconds=tuple(data["seconds"].items()),
        seed=data["seed"],
        model=data["model"],
        lost=data.get("lost", 0),
        relative=data.get("relative"),
        fidelity=data.get("fidelity", 1.0),
        goes_on=data.get("goes_on"),
        estimate=_estimate(data.get("estimate")),
    )


def policy_from_dict(data: Mapping[str, str]) -> Policy:
    """The policy written as {"unit.role": "method"}."""
    return tuple((_site(place), Method.parse(text)) for place, text in data.items())


@functools.lru_cache(maxsize=4096)  # a study's trials name the same few sites
def _site(place: str) -> Site:
    unit, role = place.rsplit(".", 1)
    if role != "weight" and role != "activation":
        raise StoreError(f"policy site '{place}' ends in neither '.weight' nor '.activation'")
    return Site(unit, "weight" if role == "weight" else "activation")


def unit_from_dict(data: Mapping[str, Pick]) -> UnitSpec:
    """The unit written as {"path": ..., "kind": ..., parameter: value}."""
    params = tuple((key, value) for key, value in data.items() if key not in ("path", "kind"))
    return UnitSpec(str(data["path"]), str(data["kind"]), params)


def _estimate(data: Mapping[str, float] | None) -> Estimate | None:
    return None if data is None else Estimate(data["accuracy"], data["spread"])


def _measurement(data: Mapping[str, Any]) -> Measurement:
    return Measurement(data["value"], data["spread"], tuple(data["context"].items()))
