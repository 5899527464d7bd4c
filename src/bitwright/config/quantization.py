"""The keys below `quantization`."""

from typing import Literal, Self

from pydantic import model_validator

from bitwright.config.part import (
    ActivationMethod,
    ActivationMethods,
    Part,
    WeightMethod,
    WeightMethods,
)
from bitwright.quant.spec import Method, Role


class PolicyConfig(Part):
    """One method for weights and one for activations."""

    weights: WeightMethod
    """The weights' method."""

    activations: ActivationMethod
    """The activations' method."""


class QuantizationConfig(Part):
    """How units may be quantized (M3)."""

    mode: Literal["joint", "fixed"] = "joint"
    """Choose methods for every unit, or search the structure alone under one policy."""

    weights: WeightMethods = ("lsq:2:channel", "lsq:4:channel", "lsq:8:channel")
    """What each unit's weights may take in joint mode."""

    activations: ActivationMethods = ("lsq:4:tensor", "lsq:8:tensor")
    """What each unit's activations may take in joint mode."""

    policy: PolicyConfig | None = None
    """The one policy of fixed mode."""

    first_last: PolicyConfig | None = None
    """Pins the first unit and the classifier; without it they follow the rest."""

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
