"""A whole study: the keys at the top, and YAML both ways."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from bitwright.config.data import DataConfig
from bitwright.config.distill import DistillConfig
from bitwright.config.mistakes import explain
from bitwright.config.overrides import overridden, spelt_out
from bitwright.config.part import Part
from bitwright.config.quantization import QuantizationConfig
from bitwright.config.reward import RewardConfig
from bitwright.config.search import SearchConfig
from bitwright.config.sensitivity import SensitivityConfig
from bitwright.config.space import SpaceConfig
from bitwright.config.supernet import SupernetConfig
from bitwright.config.text import parsed
from bitwright.config.train import FinalConfig, TrainConfig
from bitwright.errors import ConfigError


class StudyConfig(Part):
    """A whole study. See docs/study-file.md for every key with an example."""

    data: DataConfig
    space: SpaceConfig

    task: str = "image_classification"
    """What networks are trained for: a known name, or "module:Class"."""

    target: str | None = "onnxruntime-cpu"
    """The processor to search for: a known name, some with ":FILE", or "module:Class"."""

    targets: tuple[str, ...] | None = Field(None, min_length=2)
    """Several processors to search for at once, instead of `target`; accuracy is the first's."""

    quantization: QuantizationConfig = QuantizationConfig()
    sensitivity: SensitivityConfig = SensitivityConfig()
    search: SearchConfig = SearchConfig()
    reward: RewardConfig = RewardConfig()

    limits: dict[str, float] = Field(default_factory=dict)
    """Metric to what no candidate may exceed; for accuracy, what it must reach."""

    train: TrainConfig = TrainConfig()
    """Each candidate's training."""

    final: FinalConfig = FinalConfig()
    """The winner's and the baseline's training."""

    finalists: int = Field(default=1, ge=1, le=20)
    """At most so many networks get the final training; the best of them is handed over."""

    distill: DistillConfig = DistillConfig()
    supernet: SupernetConfig = SupernetConfig()

    baseline: bool = True
    """Train the hand-made 8-bit network too, with the winner's budget, to compare with."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where training runs; auto takes a CUDA device if there is one."""

    workers: int = Field(default=1, ge=1, le=1024)
    """Candidates evaluated at once, each in a process of its own; 1 is this very process."""

    threads: int | None = Field(None, ge=1)
    """Threads that training uses; by default the processor's cores, shared out among workers."""

    storage: str | None = None
    """Where trials are stored instead of study.db: a database URL that Optuna takes."""

    @model_validator(mode="before")
    @classmethod
    def _one_or_several_targets(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or data.get("targets") is None:
            return data
        if data.get("target") is not None:
            raise ValueError("'target' and 'targets' both say what to search for; leave one out")
        return {**data, "target": None}

    @model_validator(mode="after")
    def _some_target(self) -> Self:
        if self.target is None and self.targets is None:
            raise ValueError("there is no 'target' to search for; name one, or leave it out")
        return self

    @field_validator("data", mode="before", json_schema_input_type=str | DataConfig)
    @classmethod
    def _data_by_name(cls, value: Any) -> Any:
        return spelt_out("data", value)

    @field_validator("space", mode="before", json_schema_input_type=str | SpaceConfig)
    @classmethod
    def _space_by_template(cls, value: Any) -> Any:
        return spelt_out("space", value)

    @field_validator("distill", mode="before", json_schema_input_type=str | DistillConfig)
    @classmethod
    def _distill_by_where(cls, value: Any) -> Any:
        return spelt_out("distill", value)

    @property
    def processors(self) -> tuple[str, ...]:
        """The targets that the study names, one or more."""
        return self.targets or (self.target or "",)

    @classmethod
    def from_mapping(cls, data: Any, *, source: str = "study") -> "StudyConfig":
        """The study that a mapping describes; ConfigError names key, value and remedy."""
        if not isinstance(data, Mapping):
            raise ConfigError(f"{source}: a study is a mapping of keys, got {type(data).__name__}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{source}: {explain(error, cls)}") from error

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
            data = parsed(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{source} is not valid YAML: {_one_line(error)}") from error
        for override in overrides:
            data = overridden(data, override)
        return cls.from_mapping(data, source=source)

    def to_yaml(self) -> str:
        """The study as YAML, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=100)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
