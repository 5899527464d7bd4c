"""Study files: what they say, and what is said of a bad one."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bitwright.config import (
    DataConfig,
    QuantizationConfig,
    SpaceConfig,
    StudyConfig,
    TrainConfig,
)
from bitwright.errors import ConfigError
from bitwright.quant.spec import Method
from bitwright.space.templates import TEMPLATES, stages_of

SMALL: dict[str, Any] = {"data": "digits", "space": "tiny"}
FULL: dict[str, Any] = {
    "data": {"name": "digits", "holdout": 0.2, "augment": {"flip": True, "shift": 2}},
    "space": {
        "stages": [
            {"name": "stem", "width": [8, 16]},
            {"name": "body", "kinds": ["residual", "identity"], "depth": [1, 2], "convs": [2, 3]},
        ]
    },
    "quantization": {
        "weights": ["lsq:2", "uniform:4:tensor"],
        "activations": "affine:8",
        "first_last": {"weights": "lsq:8", "activations": "lsq:8"},
    },
    "sensitivity": {"keep": 2, "images": 100},
    "search": {"controller": "recurrent", "options": {"size": 16}, "convergence": {"window": 3}},
    "reward": {"transform": "linear", "metrics": {"accuracy": {"weight": 2}, "macs": {}}},
    "limits": {"packed_bytes": 16000},
    "train": {"epochs": 0.5, "patience": 3, "precision": "float32"},
    "storage": "sqlite:///x.db",
}


def changed(**parts: Any) -> dict[str, Any]:
    return {**SMALL, **parts}


def study(tmp_path: Path, text: str | None = None) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(SMALL) if text is None else text)
    return path


def message(data: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        StudyConfig.from_mapping(data, source="a.yaml")
    text = str(caught.value)
    assert text.startswith("a.yaml: ")
    assert "\n" not in text
    return text.removeprefix("a.yaml: ")


@pytest.mark.parametrize("data", [SMALL, FULL], ids=["small", "full"])
def test_yaml_round_trip(data: dict[str, Any], tmp_path: Path) -> None:
    config = StudyConfig.from_mapping(data)
    path = study(tmp_path, config.to_yaml())
    again = StudyConfig.read(path)
    assert again == config
    assert again.to_yaml() == config.to_yaml()


def test_a_fixed_policy_round_trips(tmp_path: Path) -> None:
    policy = {"weights": "power_of_two:4", "activations": "uniform:8"}
    config = StudyConfig.from_mapping(changed(quantization={"mode": "fixed", "policy": policy}))
    assert StudyConfig.read(study(tmp_path, config.to_yaml())) == config
    assert config.quantization.methods("weight") == (Method("power_of_two", 4, True),)
    assert config.quantization.methods("activation") == (Method("uniform", 8, False),)


def test_in_joint_mode_sites_choose_among_the_lists() -> None:
    quantization = StudyConfig.from_mapping(FULL).quantization
    assert quantization.methods("weight") == (
        Method("lsq", 2, per_channel=True),
        Method("uniform", 4, per_channel=False),
    )
    assert quantization.methods("activation") == (Method("affine", 8, per_channel=False),)


def test_single_options_need_no_brackets() -> None:
    config = StudyConfig.from_mapping(changed(space={"stages": [{"name": "a", "width": 8}]}))
    assert config.space.stages is not None
    assert config.space.stages[0].width == (8,)


def test_the_json_schema_knows_every_part() -> None:
    schema = StudyConfig.model_json_schema()
    json.dumps(schema)
    assert set(schema["properties"]) == set(StudyConfig.model_fields)
    assert schema["additionalProperties"] is False
    assert {"StageConfig", "TrainConfig", "SearchConfig"} <= set(schema["$defs"])


def test_every_key_is_described() -> None:
    """In its own words, or as the part of the study that it holds."""
    schema = StudyConfig.model_json_schema()
    parts = {"StudyConfig": schema, **schema["$defs"]}
    bare = [
        f"{part}.{key}"
        for part, found in parts.items()
        for key, field in found["properties"].items()
        if not field.get("description")
        and "$ref" not in field
        and not any("$ref" in option for option in field.get("anyOf", ()))
    ]
    assert bare == []
    assert [part for part, found in parts.items() if not found.get("description")] == []


def test_keeping_a_number_of_methods_replaces_the_default_threshold() -> None:
    sensitivity = StudyConfig.from_mapping(changed(sensitivity={"keep": 3})).sensitivity
    assert (sensitivity.keep, sensitivity.threshold) == (3, None)


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("search.iterations=20", ("search", "iterations"), 20),
        ("search.result=last", ("search", "result"), "last"),
        ("train.patience=null", ("train", "patience"), None),
        ("data.holdout=0.3", ("data", "holdout"), 0.3),
        ("data=mnist", ("data", "name"), "mnist"),
        ("data.augment.shift=2", ("data", "augment", "shift"), 2),
        ("space.template=compact", ("space", "template"), "compact"),
        ("space.override.stem.width=[4, 8]", ("space", "override"), {"stem": {"width": [4, 8]}}),
        ("quantization.weights=lsq:2", ("quantization", "weights"), ("lsq:2:channel",)),
        ("search.screen=predictor", ("search", "screen", "by"), "predictor"),
        (" baseline = false", ("baseline",), False),
    ],
)
def test_an_override_changes_one_key(
    override: str, place: tuple[str, ...], value: Any, tmp_path: Path
) -> None:
    found: Any = StudyConfig.read(study(tmp_path), [override])
    for name in place:
        found = getattr(found, name)
    assert found == value


def test_overrides_reach_into_lists_and_keep_the_rest(tmp_path: Path) -> None:
    path = study(tmp_path, yaml.safe_dump(FULL))
    config = StudyConfig.read(path, ["space.stages.1.depth=3", "search.iterations=7"])
    assert config.space.stages is not None
    assert [stage.name for stage in config.space.stages] == ["stem", "body"]
    assert config.space.stages[1].depth == (3,)
    assert config.space.stages[1].convs == (2, 3)
    assert (config.search.controller, config.search.iterations) == ("recurrent", 7)


@pytest.mark.parametrize("screen", ["predictor", {"by": "predictor"}])
def test_an_override_reaches_below_a_short_form(screen: Any, tmp_path: Path) -> None:
    path = study(tmp_path, yaml.safe_dump({**SMALL, "search": {"screen": screen}}))
    found = StudyConfig.read(path, ["search.screen.pool=32"]).search.screen
    assert found is not None and (found.by, found.pool) == ("predictor", 32)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("search.iterations", "write key=value, for example search.iterations=20"),
        ("search.iterations=[", "'[' is not valid YAML"),
        ("space.stages.5.depth=1", "'5' is no item of a list of 2; write a number from 0 to 1"),
        ("space.stages.stem.depth=1", "'stem' is no item of a list of 2"),
        ("serach.iterations=1", "unknown key 'serach' in [study]; did you mean 'search'?"),
        ("search.iteration=1", "unknown key 'iteration' in [search]; did you mean 'iterations'?"),
        ("target.name=x", "'target': input should be a valid string"),
    ],
)
def test_a_bad_override_is_named(override: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        StudyConfig.read(study(tmp_path, yaml.safe_dump(FULL)), [override])
    assert said in str(caught.value)


def stage(**keys: Any) -> dict[str, Any]:
    return changed(space={"stages": [{"name": "stem", **keys}]})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"space": "tiny"}, "key 'data' is missing"),
        ({"data": {}, "space": "tiny"}, "key 'data.name' is missing"),
        (changed(quantisation={}), "unknown key 'quantisation' in [study]; did you mean"),
        (changed(zzz=1), "unknown key 'zzz' in [study]; known keys: data, space, task"),
        (stage(widht=8), "unknown key 'widht' in [space.stages.0]; did you mean 'width'?"),
        (
            changed(reward={"metrics": {"accuracy": {"wieght": 1}}}),
            "unknown key 'wieght' in [reward.metrics.accuracy]; did you mean 'weight'?",
        ),
        (
            changed(quantization={"first_last": {"wieghts": "lsq:8"}}),
            "unknown key 'wieghts' in [quantization.first_last]; did you mean 'weights'?",
        ),
        (
            changed(data={"name": "digits", "augment": {"flop": True}}),
            "unknown key 'flop' in [data.augment]; did you mean 'flip'?",
        ),
        (changed(data=5), "'data': input should be a valid dictionary"),
        (changed(data={"name": "digits", "holdout": 1.5}), "less than 1 (got 1.5)"),
        (changed(search={"iterations": 0}), "'search.iterations': input should be greater"),
        (changed(search={"iterations": "many"}), "(got 'many')"),
        (changed(device="gpu"), "'device': input should be 'auto', 'cpu' or 'cuda' (got 'gpu')"),
        (changed(reward={"initial": float("nan")}), "'reward.initial': input should be a finite"),
        (changed(limits={"latency_ms": float("inf")}), "'limits.latency_ms': input should be a f"),
        (changed(limits={"latency_ms": "low"}), "'limits.latency_ms': input should be a valid"),
        (changed(sensitivity={"keep": 2, "threshold": 0.1}), "'sensitivity': give one filter:"),
        (changed(sensitivity={"threshold": None}), "'sensitivity': give one filter:"),
        (changed(space={}), "'space': give either 'template' (a name) or 'stages' (a list)"),
        (changed(space={"stages": []}), "'space.stages': tuple should have at least 1 item"),
        (
            changed(space={"stages": [{"name": "a"}], "override": {"a": {}}}),
            "'space': 'override' goes with 'template'; change the stages themselves",
        ),
        (
            changed(space={"stages": [{"name": "a"}, {"name": "a"}]}),
            "'space': stage name 'a' is taken; 'input' and 'head' are reserved",
        ),
        (stage(name="head"), "stage name 'head' is taken"),
        (stage(name="My Stage"), "'space.stages.0.name': string should match pattern"),
        (stage(width=0), "'width': 0 is outside what is possible (1 to 2048)"),
        (stage(kernel=[3, 4]), "'kernel': 4 is outside what is possible (1, 3, 5, 7)"),
        (stage(stride=3), "'stride': 3 is outside what is possible (1, 2, 4)"),
        (stage(depth=0), "'depth': 0 is outside what is possible (1 to 32)"),
        (stage(convs=4), "'convs': 4 is outside what is possible (2, 3)"),
        (stage(expansion=17), "'expansion': 17 is outside what is possible (1 to 16)"),
        (stage(width=[8, 8]), "'width' lists an option twice: [8, 8]"),
        (stage(width=[]), "'space.stages.0.width': value should have at least 1 item"),
        (
            changed(quantization={"weights": "lsq:9"}),
            "'quantization.weights.0': method 'lsq:9:channel': 9 bits; transform 'lsq' takes",
        ),
        (
            changed(quantization={"weights": "lsqq:4"}),
            "'quantization.weights.0': unknown transform 'lsqq'; did you mean 'lsq'?",
        ),
        (
            changed(quantization={"activations": ["lsq4"]}),
            "'quantization.activations.0': 'lsq4' is no quantization method; write",
        ),
        (
            changed(quantization={"weights": ["lsq:4", "lsq:4:channel"]}),
            "'quantization': 'weights' lists a method twice: lsq:4:channel, lsq:4:channel",
        ),
        (
            changed(quantization={"mode": "fixed"}),
            "'quantization': mode 'fixed' needs 'policy', and only that mode takes it",
        ),
        (
            changed(quantization={"policy": {"weights": "lsq:4", "activations": "lsq:4"}}),
            "'quantization': mode 'fixed' needs 'policy', and only that mode takes it",
        ),
    ],
)
def test_a_bad_study_gets_one_line_with_place_and_remedy(data: Any, said: str) -> None:
    assert said in message(data)


def test_what_is_no_mapping_is_refused() -> None:
    assert message(["data"]) == "a study is a mapping of keys, got list"
    assert message(None) == "a study is a mapping of keys, got NoneType"


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml' cannot be read: No such file"):
        StudyConfig.read(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match=r"is not valid YAML: .*line 1"):
        StudyConfig.read(study(tmp_path, "data: [1"))
    (tmp_path / "latin.yaml").write_bytes(b"data: \xe4")
    with pytest.raises(ConfigError, match=r"latin\.yaml' is not UTF-8 text"):
        StudyConfig.read(tmp_path / "latin.yaml")


def test_a_template_gives_its_stages_and_takes_overrides() -> None:
    for name in TEMPLATES:
        assert stages_of(SpaceConfig(template=name))
    config = SpaceConfig(template="tiny", override={"body1": {"width": [4], "kernel": 5}})
    stem, body1, _ = stages_of(config)
    assert stem.width == (8, 16, 24)
    assert (body1.width, body1.kernel, body1.depth) == ((4,), (5,), (1, 2))
    assert stages_of(SpaceConfig(template="tiny"))[1].kernel == (3,)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"template": "tinny"}, "unknown space template 'tinny'; did you mean 'tiny'?"),
        (
            {"template": "tiny", "override": {"body9": {}}},
            "template 'tiny' has no stage 'body9'; it has stem, body1, body2",
        ),
        (
            {"template": "tiny", "override": {"stem": {"widht": 8}}},
            "space.override: unknown key 'widht' in [stages.0]; did you mean 'width'?",
        ),
        ({"template": "tiny", "override": {"stem": {"width": 0}}}, "'width': 0 is outside"),
    ],
)
def test_a_bad_template_or_override_is_named(space: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        stages_of(SpaceConfig.model_validate(space))
    assert said in str(caught.value)


def test_a_study_cannot_be_changed() -> None:
    config = QuantizationConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.mode = "fixed"  # type: ignore[misc]


@pytest.mark.parametrize("word", ["on", "off", "auto"])
def test_a_bare_on_or_off_is_a_word_and_no_truth_value(word: str) -> None:
    text = f"data: digits\nspace: tiny\ntrain: {{fused: {word}}}\n"
    study = StudyConfig.from_text(text)
    assert study.train.fused == word
    assert StudyConfig.from_text(study.to_yaml()) == study
    assert StudyConfig.from_text(text, [f"final.fused={word}"]).final.fused == word


@pytest.mark.parametrize(
    ("place", "epochs"), [("train", 2), ("final", 10), ("distill.train", 10), ("supernet.train", 5)]
)
def test_a_training_of_which_one_key_is_given_keeps_its_other_defaults(
    place: str, epochs: float
) -> None:
    study = StudyConfig.from_text(
        "data: digits\nspace: tiny\n", [f"{place}.weight_decay=0.5", "sensitivity.enabled=false"]
    )
    found: Any = study
    for name in place.split("."):
        found = getattr(found, name)
    assert (found.epochs, found.weight_decay) == (epochs, 0.5)


def test_a_training_of_another_part_serves_too() -> None:
    budget = TrainConfig(epochs=3, batch=32)
    study = StudyConfig(
        data=DataConfig(name="digits"), space=SpaceConfig(template="tiny"), final=budget
    )
    assert study.final.model_dump() == budget.model_dump()
