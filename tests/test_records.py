"""Values that travel, as JSON and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitwright.errors import ConfigError, StoreError
from bitwright.quant.spec import Method, Role, Site
from bitwright.records import (
    SCHEMA_VERSION,
    Blueprint,
    Estimate,
    Genome,
    Measurement,
    Outcome,
    UnitSpec,
    encode,
    outcome_from_json,
    outcome_to_json,
    policy_from_dict,
    unit_from_dict,
)

paths = st.from_regex(r"[a-z]{1,5}/[0-9]{1,2}", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False)
picks = st.one_of(st.integers(-(2**40), 2**40), numbers, st.text(max_size=8))
methods = st.builds(
    Method, st.sampled_from(["lsq", "affine", "power_of_two"]), st.integers(1, 8), st.booleans()
)
roles: st.SearchStrategy[Role] = st.sampled_from(["weight", "activation"])


def pairs(keys: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(keys, values, max_size=4).map(lambda found: tuple(found.items()))


measurements = st.builds(
    Measurement, numbers, st.none() | numbers, pairs(st.text(max_size=5), st.text(max_size=5))
)
units = st.builds(UnitSpec, paths, st.sampled_from(["conv", "identity"]), pairs(paths, picks))
curves = st.lists(st.tuples(numbers, numbers, st.none() | numbers), max_size=3).map(tuple)
outcomes = st.builds(
    Outcome,
    number=st.integers(0, 10**6),
    iteration=st.integers(0, 10**6),
    genome=st.builds(Genome, st.text(max_size=12), pairs(paths, picks)),
    state=st.sampled_from(["complete", "infeasible", "failed"]),
    reward=numbers,
    metrics=pairs(st.text(max_size=8), measurements),
    policy=pairs(st.builds(Site, paths, roles), methods),
    units=st.lists(units, max_size=3).map(tuple),
    reason=st.none() | st.text(max_size=9),
    traceback=st.none() | st.text(max_size=9),
    curve=curves,
    seconds=pairs(st.text(max_size=8), numbers),
    seed=st.integers(0, 2**63 - 1),
    model=st.none() | st.text(max_size=9),
    lost=st.integers(0, 2),
    relative=st.none() | st.integers(0, 10**6),
    fidelity=st.floats(0.001, 1.0),
    goes_on=st.none() | st.integers(0, 10**6),
    estimate=st.none() | st.builds(Estimate, numbers, numbers),
)
SOME = Outcome(3, 1, Genome("s", (("a/0", 1),)), "complete", 0.5, seconds=(("train", 1.5),))


@given(outcomes)
def test_an_outcome_round_trips_through_json(outcome: Outcome) -> None:
    assert outcome_from_json(outcome_to_json(outcome)) == outcome


def test_the_json_reads_like_what_it_says() -> None:
    site: Site = Site("body/0", "weight")
    outcome = Outcome(
        0,
        0,
        Genome("space", (("body/0/kernel", 3),)),
        "complete",
        0.9,
        metrics=(("macs", Measurement(10.0)),),
        policy=((site, Method.parse("lsq:4")),),
        units=(UnitSpec("body/0", "conv", (("kernel", 3),)),),
    )
    data = json.loads(outcome_to_json(outcome))
    assert data["schema"] == SCHEMA_VERSION
    assert data["genome"] == {"space_id": "space", "picks": {"body/0/kernel": 3}}
    assert data["policy"] == {"body/0.weight": "lsq:4:channel"}
    assert data["units"] == [{"path": "body/0", "kind": "conv", "kernel": 3}]
    assert data["metrics"] == {"macs": {"value": 10.0, "spread": None, "context": {}}}
    assert outcome.metric("macs") == 10.0
    assert outcome.metric("accuracy") is None


def test_a_number_that_is_none_is_not_written() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        outcome_to_json(Outcome(0, 0, Genome("s"), "complete", float("nan")))


LATER = {"lost", "relative", "fidelity", "goes_on", "estimate"}  # keys that older records lack


def test_a_newer_schema_is_refused() -> None:
    data = json.loads(outcome_to_json(SOME))
    data["schema"] = SCHEMA_VERSION + 1
    del data["genome"]  # a newer record may look different
    with pytest.raises(StoreError, match=r"has schema 2, this program knows 1; update bitwright"):
        outcome_from_json(json.dumps(data))


@pytest.mark.parametrize("key", sorted(set(json.loads(outcome_to_json(SOME))) - LATER))
def test_a_record_without_a_key_is_broken(key: str) -> None:
    data = json.loads(outcome_to_json(SOME))
    del data[key]
    with pytest.raises(StoreError, match=f"cannot be read .*{key}.*restore the database"):
        outcome_from_json(json.dumps(data))


def test_a_record_from_before_workers_inheritance_stages_and_screens_had_none_of_them() -> None:
    data = {key: value for key, value in json.loads(outcome_to_json(SOME)).items()}
    for key in LATER:
        del data[key]
    found = outcome_from_json(json.dumps(data))
    assert (found.lost, found.relative, found.fidelity, found.goes_on) == (0, None, 1.0, None)
    assert found.estimate is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("null", "TypeError"),
        ('{"schema": "new"}', "ValueError"),
        (outcome_to_json(SOME).replace('"policy": {}', '"policy": {"a.weight": "x"}'), "'x' is no"),
        (outcome_to_json(SOME).replace('"metrics": {}', '"metrics": 3'), "AttributeError"),
    ],
)
def test_a_broken_record_says_what_is_broken(text: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        outcome_from_json(text)


def test_policies_and_units_read_back() -> None:
    policy = ((Site("a/0", "activation"), Method.parse("affine:8:tensor")),)
    assert policy_from_dict({"a/0.activation": "affine:8:tensor"}) == policy
    with pytest.raises(StoreError, match=r"'a/0.wieght' ends in neither"):
        policy_from_dict({"a/0.wieght": "lsq:4"})
    unit = UnitSpec("a/0", "conv", (("width", 8), ("kernel", 3)))
    assert unit_from_dict(encode(unit)) == unit


def test_a_unit_answers_for_its_parameters() -> None:
    unit = UnitSpec("a/0", "conv", (("width", 8), ("mode", "max")))
    assert unit["mode"] == "max"
    assert unit.integer("width") == 8
    assert unit.integer("kernel", 3) == 3
    with pytest.raises(KeyError, match="no whole number 'kernel'"):
        unit.integer("kernel")
    with pytest.raises(KeyError, match=r"unit 'a/0' \(conv\) has no whole number 'mode'"):
        unit.integer("mode")


def test_a_blueprint_knows_the_method_of_a_site() -> None:
    method = Method.parse("lsq:2")
    blueprint = Blueprint((1, 8, 8), 2, (), ((Site("head", "weight"), method),))
    assert blueprint.method("head", "weight") == method
    with pytest.raises(KeyError):
        blueprint.method("head", "activation")


def test_a_genome_grows_pick_by_pick() -> None:
    genome = Genome("s").with_pick("a", 1).with_pick("b", "x")
    assert genome.as_dict() == {"a": 1, "b": "x"}


@given(methods)
def test_a_method_reads_back_from_its_text(method: Method) -> None:
    assert Method.parse(str(method)) == method


@pytest.mark.parametrize(
    "text", ["lsq", "lsq:", "4:lsq", "LSQ:4", "lsq:4:row", "lsq:4:", "", "a b:4"]
)
def test_a_method_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no quantization method; write transform:bits"):
        Method.parse(text)


@pytest.mark.parametrize("text", ["lsq:0", "lsq:9", "none:8", "lsq:16"])
def test_bits_that_no_transform_has_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"takes (1 to 8|16 or 32)"):
        Method.parse(text)


def test_the_grain_depends_on_the_role_and_none_is_full_precision() -> None:
    assert Method.parse("lsq:4").per_channel
    assert not Method.parse("lsq:4", "activation").per_channel
    assert Method.parse("lsq:4").quantized
    assert not Method.parse("none:32").quantized
