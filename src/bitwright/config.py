"""A study file as a value: every key, its default and its law; YAML both ways."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from bitwright.errors import ConfigError
from bitwright.quant.names import TRANSFORMS
from bitwright.quant.spec import Method, Role


def _listed(value: Any) -> Any:
    """A single option may be written without its brackets."""
    return value if isinstance(value, list | tuple) else (value,)


def _method(value: Any, role: Role) -> Any:
    """A method's full text; what is no text is left to pydantic to refuse."""
    if not isinstance(value, str):
        return value
    try:
        method = Method.parse(value, role)
        if method.quantized:
            TRANSFORMS.require(method.transform)
        return str(method)
    except ConfigError as error:
        raise ValueError(str(error)) from error  # pydantic adds the place


def _weight_method(value: Any) -> Any:
    return _method(value, "weight")


def _activation_method(value: Any) -> Any:
    return _method(value, "activation")


Ints = Annotated[tuple[int, ...], BeforeValidator(_listed), Field(min_length=1)]
Bools = Annotated[tuple[bool, ...], BeforeValidator(_listed), Field(min_length=1)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
WeightMethod = Annotated[str, BeforeValidator(_weight_method)]
ActivationMethod = Annotated[str, BeforeValidator(_activation_method)]
WeightMethods = Annotated[tuple[WeightMethod, ...], BeforeValidator(_listed), Field(min_length=1)]
ActivationMethods = Annotated[
    tuple[ActivationMethod, ...], BeforeValidator(_listed), Field(min_length=1)
]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AugmentConfig(_Part):
    """Random changes of each training image: mirrored, and shifted by up to `shift` pixels."""

    flip: bool = False
    shift: int = Field(default=0, ge=0, le=16)


class DataConfig(_Part):
    """The data set: a known name, a folder of class folders, an .npz file, or "module:function".

    `holdout` is the part of the training data that candidates are judged on.
    """

    name: str
    holdout: Fraction = 0.1
    augment: AugmentConfig = AugmentConfig()


class StageConfig(_Part):
    """One stretch of the network: `depth` units, each of one of the `kinds`.

    Every key lists the options that the search chooses from. `width` (channels) and `stride` (of
    the first unit) are chosen once a stage; kind, kernel, expansion, squeeze_excite and convs unit
    by unit.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kinds: Texts = ("conv",)
    depth: Ints = (1,)
    width: Ints = (16,)
    stride: Ints = (1,)
    kernel: Ints = (3,)
    expansion: Ints = (2,)
    squeeze_excite: Bools = (False,)
    convs: Ints = (2,)

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        _within("depth", self.depth, range(1, 33))
        _within("width", self.width, range(1, 2049))
        _within("stride", self.stride, (1, 2, 4))
        _within("kernel", self.kernel, (1, 3, 5, 7))
        _within("expansion", self.expansion, range(1, 17))
        _within("convs", self.convs, (2, 3))
        for key in type(self).model_fields:
            options = getattr(self, key)
            if key != "name" and len(set(options)) != len(options):
                raise ValueError(f"'{key}' lists an option twice: {list(options)}")
        return self


def _within(key: str, values: Sequence[Any], allowed: Sequence[Any] | range) -> None:
    for value in values:
        if value not in allowed:
            raise ValueError(f"'{key}': {value} is outside what is possible ({_span(allowed)})")


def _span(allowed: Sequence[Any] | range) -> str:
    if isinstance(allowed, range):
        return f"{allowed.start} to {allowed.stop - 1}"
    return ", ".join(map(str, allowed))


class SpaceConfig(_Part):
    """The structures to search: a list of stages, or a named template with overrides per stage."""

    template: str | None = None
    stages: Annotated[tuple[StageConfig, ...], Field(min_length=1)] | None = None
    override: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.template is None) == (self.stages is None):
            raise ValueError("give either 'template' (a name) or 'stages' (a list)")
        if self.stages is not None and self.override:
            raise ValueError("'override' goes with 'template'; change the stages themselves")
        names = [stage.name for stage in self.stages or ()]
        for name in names:
            if names.count(name) > 1 or name in ("input", "head"):
                raise ValueError(f"stage name '{name}' is taken; 'input' and 'head' are reserved")
        return self


class PolicyConfig(_Part):
    """One method for weights and one for activations."""

    weights: WeightMethod
    activations: ActivationMethod


class QuantizationConfig(_Part):
    """How units may be quantized (M3).

    mode joint: every unit's weights and activations take a method out of `weights` and
    `activations`.
    mode fixed: every unit takes `policy`; only the structure is searched.
    `first_last` pins the first unit and the classifier; without it they follow the rest.
    """

    mode: Literal["joint", "fixed"] = "joint"
    weights: WeightMethods = ("lsq:2:channel", "lsq:4:channel", "lsq:8:channel")
    activations: ActivationMethods = ("lsq:4:tensor", "lsq:8:tensor")
    policy: PolicyConfig | None = None
    first_last: PolicyConfig | None = None

    @model_validator(mode="after")
    def _policy_in_fixed_mode(self) -> Self:
        if (self.mode == "fixed") != (self.policy is not None):
            raise ValueError("mode 'fixed' needs 'policy', and only that mode takes it")
        return self

    @model_validator(mode="after")
    def _each_method_once(self) -> Self:
        for key, methods in (("weights", self.weights), ("activations", self.activations)):
            if len(set(methods)) != len(methods):
                raise ValueError(f"'{key}' lists a method twice: {', '.join(methods)}")
        return self

    def methods(self, role: Role) -> tuple[Method, ...]:
        """The methods that a site of this role is chosen from; one alone in fixed mode."""
        if self.policy is not None:
            texts: tuple[str, ...] = (
                (self.policy.weights,) if role == "weight" else (self.policy.activations,)
            )
        else:
            texts = self.weights if role == "weight" else self.activations
        return tuple(Method.parse(text, role) for text in texts)


class SensitivityConfig(_Part):
    """How sensitivity is measured and what it filters out (M4).

    A method stays when its loss is at or under `threshold`; with `keep`, the least sensitive ones
    stay. `accuracy`, `latency` and `memory` are the parts' weights in the loss; a latency weight
    above 0 makes the study time runs, which no seed can repeat exactly.
    """

    enabled: bool = True
    threshold: float | None = 0.05
    keep: int | None = Field(default=None, ge=1)
    images: int = Field(default=2000, ge=10)
    epochs: float = Field(default=1.0, gt=0)
    tune_steps: int = Field(default=10, ge=0)
    accuracy: float = Field(default=1.0, ge=0)
    latency: float = Field(default=0.0, ge=0)
    memory: float = Field(default=0.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _keep_replaces_the_default_threshold(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "keep" in data and "threshold" not in data:
            return {**data, "threshold": None}
        return data

    @model_validator(mode="after")
    def _one_filter(self) -> Self:
        if (self.threshold is None) == (self.keep is None):
            raise ValueError(
                "give one filter: 'threshold' (a loss) or 'keep' (a number of methods)"
            )
        return self


class ConvergenceConfig(_Part):
    """Stop when the reward's relative change over `window` iterations stays under `threshold`."""

    window: int = Field(default=10, ge=2)
    threshold: float = Field(default=0.001, ge=0)


class SearchConfig(_Part):
    """The loop (M1): who proposes, how often, and when it ends."""

    controller: str = "evolution"
    options: dict[str, Any] = Field(default_factory=dict)
    iterations: int = Field(default=50, ge=1)
    convergence: ConvergenceConfig | None = None
    minutes: float | None = Field(default=None, gt=0)
    result: Literal["best", "last"] = "best"
    seed: int = Field(default=0, ge=0)


class MetricConfig(_Part):
    """A metric's place in the reward."""

    weight: float = Field(default=1.0, gt=0)
    reference: float = Field(default=1.0, gt=0)


class RewardConfig(_Part):
    """Metrics normalised by `reference`, weighted, summed, and put through `transform` (M6.2)."""

    transform: Literal["linear", "exponential", "hinge"] = "exponential"
    metrics: dict[str, MetricConfig] = Field(default_factory=lambda: {"accuracy": MetricConfig()})
    initial: float = 0.0


class TrainConfig(_Part):
    """Training under the policy (M7).

    `images` trains on a random part of the data, drawn once a trial. It ends after `epochs` or
    `steps`, whichever comes first, or when the held-out accuracy, looked at after every epoch, has
    not risen for `patience` epochs.
    """

    epochs: float = Field(default=2.0, gt=0)
    steps: int | None = Field(default=None, ge=1)
    images: int | None = Field(default=None, ge=1)
    batch: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=0.004, gt=0)
    weight_decay: float = Field(default=0.0001, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    patience: int | None = Field(default=None, ge=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    fused: Literal["auto", "on", "off"] = "auto"


class StudyConfig(_Part):
    """A whole study. See docs/study-file.md for every key with an example."""

    data: DataConfig
    space: SpaceConfig
    target: str = "onnxruntime-cpu"
    quantization: QuantizationConfig = QuantizationConfig()
    sensitivity: SensitivityConfig = SensitivityConfig()
    search: SearchConfig = SearchConfig()
    reward: RewardConfig = RewardConfig()
    limits: dict[str, float] = Field(default_factory=dict)
    train: TrainConfig = TrainConfig()
    final: TrainConfig = TrainConfig(epochs=10)
    baseline: bool = True
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = Field(None, ge=1)
    storage: str | None = None

    @field_validator("data", mode="before")
    @classmethod
    def _data_by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("space", mode="before")
    @classmethod
    def _space_by_template(cls, value: Any) -> Any:
        return {"template": value} if isinstance(value, str) else value

    @classmethod
    def from_mapping(cls, data: Any, *, source: str = "study") -> "StudyConfig":
        """The study that a mapping describes; ConfigError names key, value and remedy."""
        if not isinstance(data, Mapping):
            raise ConfigError(f"{source}: a study is a mapping of keys, got {type(data).__name__}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{source}: {explain(error)}") from error

    @classmethod
    def read(cls, path: Path | str, overrides: Sequence[str] = ()) -> "StudyConfig":
        """The study in a YAML file, changed by overrides such as "search.iterations=20"."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"study file '{path}' cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"study file '{path}' is not UTF-8 text") from error
        return cls.from_text(text, overrides, source=f"study file '{path}'")

    @classmethod
    def from_text(
        cls, text: str, overrides: Sequence[str] = (), *, source: str = "study"
    ) -> "StudyConfig":
        """The study in a YAML text."""
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{source} is not valid YAML: {_one_line(error)}") from error
        for override in overrides:
            data = _overridden(data, override)
        return cls.from_mapping(data, source=source)

    def to_yaml(self) -> str:
        """The study as YAML, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=100)


_SHORT_FORMS = {"data": "name", "space": "template"}  # "data: digits" says "data: {name: digits}"


def _overridden(data: Any, override: str) -> Any:
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set '{override}': write key=value, for example search.iterations=20")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set '{override}': '{text}' is not valid YAML") from error
    first, *rest = key.strip().split(".")
    short = data.get(first) if isinstance(data, Mapping) else None
    if rest and first in _SHORT_FORMS and isinstance(short, str):
        data = {**data, first: {_SHORT_FORMS[first]: short}}
    return _with(data, [first, *rest], value, override)


def _with(place: Any, parts: Sequence[str], value: Any, override: str) -> Any:
    """A copy of `place` that holds the value at the path `parts`; a list's items go by number."""
    if not parts:
        return value
    part, *rest = parts
    if isinstance(place, list):
        if not part.isdecimal() or int(part) >= len(place):
            raise ConfigError(
                f"--set '{override}': '{part}' is no item of a list of {len(place)}; "
                f"write a number from 0 to {len(place) - 1}"
            )
        at = int(part)
        return [*place[:at], _with(place[at], rest, value, override), *place[at + 1 :]]
    known = dict(place) if isinstance(place, Mapping) else {}
    return {**known, part: _with(known.get(part), rest, value, override)}


def explain(error: ValidationError, root: type[BaseModel] | None = None) -> str:
    """One failure in one line: key, what is wrong, and the nearest known key.

    Unknown keys come first: a misspelt key is often what another one is missed for.
    """
    first = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *parents, key = first["loc"]
        known = _keys_at(root or StudyConfig, parents)
        near = difflib.get_close_matches(str(key), known, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        where = ".".join(map(str, parents)) or "study"
        return f"unknown key '{key}' in [{where}]; {remedy}"
    if first["type"] == "missing":
        return f"key '{place}' is missing"
    message = first["msg"].removeprefix("Value error, ")
    value = first["input"]
    met = "" if isinstance(value, Mapping | BaseModel) else f" (got {value!r})"
    return f"'{place}': {message[0].lower()}{message[1:]}{met}"


def _keys_at(root: type[BaseModel], parents: Sequence[str | int]) -> list[str]:
    """The keys that the part of the study at `parents` knows."""
    model: Any = root
    for part in parents:
        field = model.model_fields.get(part)  # None for a list's number or a mapping's own key
        model = (field and _model_in(field.annotation)) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    """The settings class inside an annotation such as ``tuple[StageConfig, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
