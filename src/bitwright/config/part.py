"""What every part of a study file is, and the types that several parts use."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bitwright.errors import ConfigError
from bitwright.quant.names import TRANSFORMS, refusal
from bitwright.quant.spec import Method, Role


class Part(BaseModel):
    """A group of keys. The text under a key is its description, here and in editors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


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
            reason = refusal(method, role)
            if reason:
                raise ConfigError(f"method '{method}': {reason}")
        return str(method)
    except ConfigError as error:
        raise ValueError(str(error)) from error  # pydantic adds the place


def _weight_method(value: Any) -> Any:
    return _method(value, "weight")


def _activation_method(value: Any) -> Any:
    return _method(value, "activation")


# What follows a validator's name is the type that a study file may hold there, for the JSON schema.
Ints = Annotated[
    tuple[int, ...],
    BeforeValidator(_listed, json_schema_input_type=int | tuple[int, ...]),
    Field(min_length=1),
]
Bools = Annotated[
    tuple[bool, ...],
    BeforeValidator(_listed, json_schema_input_type=bool | tuple[bool, ...]),
    Field(min_length=1),
]
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]
Numbers = Annotated[
    tuple[float, ...],
    BeforeValidator(_listed, json_schema_input_type=float | tuple[float, ...]),
    Field(min_length=1),
]
Positives = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...],
    BeforeValidator(_listed, json_schema_input_type=float | tuple[float, ...]),
    Field(min_length=1),
]
WeightMethod = Annotated[str, BeforeValidator(_weight_method)]
ActivationMethod = Annotated[str, BeforeValidator(_activation_method)]
WeightMethods = Annotated[
    tuple[WeightMethod, ...],
    BeforeValidator(_listed, json_schema_input_type=WeightMethod | tuple[WeightMethod, ...]),
    Field(min_length=1),
]
ActivationMethods = Annotated[
    tuple[ActivationMethod, ...],
    BeforeValidator(
        _listed, json_schema_input_type=ActivationMethod | tuple[ActivationMethod, ...]
    ),
    Field(min_length=1),
]
Fraction = Annotated[float, Field(gt=0, lt=1)]
