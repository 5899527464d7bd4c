"""Targets by the names that studies give them."""

from typing import Self

import pytest

from bitwright.errors import ConfigError
from bitwright.targets.base import TARGETS, Target, kind_of, make
from bitwright.targets.onnxruntime_cpu import OnnxRuntimeCpu


class Described(OnnxRuntimeCpu):
    """A target that something after its name describes."""

    name = "described"
    argument = "a description"

    def __init__(self, about: str) -> None:
        super().__init__()
        self.about = about

    @classmethod
    def of(cls, argument: str) -> Self:
        return cls(argument)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS._entries, "described", Described)


PLAIN = "bitwright.targets.onnxruntime_cpu:OnnxRuntimeCpu"


@pytest.mark.parametrize(
    ("name", "kind", "argument"),
    [
        ("onnxruntime-cpu", OnnxRuntimeCpu, None),
        ("described:chips/a.yaml", Described, "chips/a.yaml"),
        ("described:a:b", Described, "a:b"),
        (PLAIN, OnnxRuntimeCpu, None),
        (f"{PLAIN}:a.yaml", OnnxRuntimeCpu, "a.yaml"),
    ],
)
def test_what_follows_the_colon_is_the_targets(
    name: str, kind: type[Target], argument: str | None
) -> None:
    assert kind_of(name) == (kind, argument)


def test_a_target_is_made_of_its_argument() -> None:
    assert isinstance(make("onnxruntime-cpu"), OnnxRuntimeCpu)
    made = make("described:a.yaml")
    assert isinstance(made, Described) and made.about == "a.yaml"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("described", "target 'described' needs a description: write it as 'described:...'"),
        ("onnxruntime-cpu:x", "target 'onnxruntime-cpu' takes nothing after its name, got 'x'"),
        ("onnxruntime-gpu", "did you mean 'onnxruntime-cpu'?"),
        ("mcu:x.yaml", "target 'mcu:x.yaml' cannot be loaded"),
    ],
)
def test_names_that_name_nothing(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        make(name)
    assert said in str(told.value)


def test_a_plain_target_depends_on_its_class_alone() -> None:
    assert make("onnxruntime-cpu").fingerprint == ""
