"""An accelerator as its YAML file describes it; docs/targets.md tells of every key."""

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from bitwright.config.mistakes import Place, explain, place_of
from bitwright.config.part import Part
from bitwright.config.text import line_of, parsed
from bitwright.errors import ConfigError
from bitwright.graph import Node
from bitwright.quant.spec import Role

SHIPPED = ("bit-fusion", "edge-8-4", "int8")
WIDEST = 8  # bits of an integer
INPUT_BITS = 8  # images come in bytes
Layer = Literal[
    "conv",
    "depthwise",
    "linear",
    "add",
    "multiply",
    "max_pool",
    "average_pool",
    "global_average_pool",
]
Bits = Literal[1, 2, 3, 4, 5, 6, 7, 8, 16, 32]
Contradiction = tuple[Place, str]
Above0 = Annotated[float, Field(gt=0, strict=True)]
NotBelow0 = Annotated[float, Field(ge=0, strict=True)]


class Pair(Part):
    """Widths of weights and activations that the array multiplies, and what that costs."""

    weights: Bits
    """Bits of the weights."""

    activations: Bits
    """Bits of the activations."""

    macs_per_cycle: Above0
    """Multiply-accumulates a cycle, with every multiplier at work."""

    mac_pj: NotBelow0
    """Picojoules of a multiply-accumulate."""

    def bits(self, role: Role) -> int:
        """Its width in that role."""
        return self.weights if role == "weight" else self.activations

    def holds(self, weights: int, activations: int) -> bool:
        """Whether operands of these widths fit: integers into integers, floats into floats."""
        wide = (self.weights > WIDEST, self.activations > WIDEST)
        same = wide == (weights > WIDEST, activations > WIDEST)
        return same and self.weights >= weights and self.activations >= activations

    def __str__(self) -> str:
        return f"{self.weights}x{self.activations}"


class Array(Part):
    """How many products the array makes at once, of inputs and for outputs.

    A layer that does not divide into it leaves the rest idle. An input is a channel at a place of
    the kernel.
    """

    inputs: Annotated[int, Field(ge=1, strict=True)]
    """Inputs that are summed up at once."""

    outputs: Annotated[int, Field(ge=1, strict=True)]
    """Output channels at once."""

    def used(self, inputs: int, outputs: int) -> float:
        """The part of it that a layer of so many inputs and outputs keeps at work."""
        return _filled(inputs, self.inputs) * _filled(outputs, self.outputs)


def _filled(count: int, size: int) -> float:
    """The part that is filled of as many groups of that size as are needed."""
    return count / (math.ceil(count / size) * size)


class VectorUnit(Part):
    """What pools, adds and multiplies maps element by element."""

    ops_per_cycle: Above0
    """Operations on one element each."""

    op_pj: NotBelow0
    """Picojoules of one."""


class OnChip(Part):
    """The memory beside the array."""

    bytes: Annotated[int, Field(ge=1, strict=True)]
    """Its size."""

    byte_pj: NotBelow0
    """Picojoules of a byte read or written."""


class OffChip(Part):
    """The memory behind it: as large as need be, and slow."""

    bytes_per_cycle: Above0
    """Bytes that pass between the two in a cycle, both ways together."""

    byte_pj: NotBelow0
    """Picojoules of a byte read or written."""


class Accelerator(Part):
    """What an accelerator runs, how fast, and at what energy."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")
    """What reports call it."""

    clock_mhz: Above0
    """Millions of cycles a second."""

    integer_only: bool = True
    """Whether it computes in integers alone; if not, pairs may have 16 and 32 bits, in floats."""

    widen: bool = True
    """Whether widths that it does not have run at wider ones; if not, they are refused."""

    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    """The layers that it runs."""

    pairs: Annotated[tuple[Pair, ...], Field(min_length=1)]
    """The widths that its array multiplies."""

    array: Array | None = None
    """Its sides; without them every layer but a depthwise convolution keeps all of it at work."""

    depthwise_utilization: Annotated[float, Field(gt=0, le=1, strict=True)]
    """The part of the array that a depthwise convolution keeps at work."""

    vector: VectorUnit
    on_chip: OnChip
    off_chip: OffChip

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for place, message in self._impossible():
            raise PydanticCustomError("impossible", "{why}", {"why": message, "at": place})
        return self

    def _impossible(self) -> Iterator[Contradiction]:
        """What contradicts itself, with its place in the file."""
        yield from self._impossible_pairs()
        yield from self._missing_pairs()
        for layer in ("global_average_pool", "linear"):
            if layer not in self.layers:
                yield ("layers",), f"'{layer}' is missing, with which every network ends; add it"

    def _impossible_pairs(self) -> Iterator[Contradiction]:
        for at, pair in enumerate(self.pairs):
            if any(str(pair) == str(other) for other in self.pairs[:at]):
                yield ("pairs", at), f"the pair {pair} stands twice; take one of the two out"
            narrowest, widest = sorted((pair.weights, pair.activations))
            if narrowest <= WIDEST < widest:
                yield (
                    ("pairs", at),
                    f"{widest} bits are floating point, {narrowest} an integer; take both of one "
                    "sort",
                )
            if widest > WIDEST and self.integer_only:
                yield (
                    ("pairs", at),
                    f"{widest} bits are floating point; take 1 to {WIDEST}, or write "
                    "integer_only: false",
                )

    def _missing_pairs(self) -> Iterator[Contradiction]:
        weights, activations = self.widths("weight"), self.widths("activation")
        if INPUT_BITS not in activations:
            yield (
                ("pairs",),
                f"no pair has activations of {INPUT_BITS} bits, in which images come; add one",
            )
        if self.widen:
            why = "what is widened may need it"
            needed = itertools.product(weights[-1:], activations[-1:])
        else:
            why = "with widen: false, all widths that may meet must be one"
            needed = itertools.product(weights, activations)
        there = {(pair.weights, pair.activations) for pair in self.pairs}
        for both in needed:
            if both not in there:
                yield ("pairs",), f"there is no pair {both[0]}x{both[1]}; add it: {why}"

    def widths(self, role: Role) -> tuple[int, ...]:
        """The integer widths that some pair has in that role, narrow ones first."""
        return tuple(sorted({b for b in (pair.bits(role) for pair in self.pairs) if b <= WIDEST}))

    def stored(self, bits: int, role: Role) -> int:
        """The bits that a value of that width takes in memory: the narrowest width that holds it.

        Floats take their own.
        """
        return next((width for width in self.widths(role) if width >= bits), bits)

    def pair_for(self, weights: int, activations: int) -> Pair | None:
        """The pair at which operands of these widths are multiplied; None where there is none.

        The fastest that holds both; of equally fast ones that of least energy, then the narrowest.
        """
        fitting = [pair for pair in self.pairs if pair.holds(weights, activations)]
        if not self.widen:
            fitting = [p for p in fitting if (p.weights, p.activations) == (weights, activations)]
        return min(
            fitting,
            key=lambda p: (-p.macs_per_cycle, p.mac_pj, p.weights, p.activations),
            default=None,
        )

    def lacks(self, node: Node) -> str | None:
        """The kind of layer that a node needs, where the accelerator does not have it."""
        needed = "depthwise" if node.op == "conv" and node.groups > 1 else node.op
        return None if needed == "input" or needed in self.layers else needed

    @property
    def digest(self) -> str:
        """Names all that the file says."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).hexdigest()

    @classmethod
    def named(cls, name: str) -> "Accelerator":
        """One of `SHIPPED`, or the one in the file of that path."""
        if name in SHIPPED:
            text = (files("bitwright.targets.npu") / f"{name}.yaml").read_text(encoding="utf-8")
            return cls.from_text(text, source=f"accelerator '{name}'")
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"accelerator file '{name}' cannot be read: {error.strerror}; give a YAML file, or "
                f"one of the names {', '.join(SHIPPED)}"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"accelerator file '{name}' is not UTF-8 text") from error
        return cls.from_text(text, source=f"accelerator file '{name}'")

    @classmethod
    def from_text(cls, text: str, *, source: str) -> "Accelerator":
        """The accelerator in a YAML text; ConfigError says what is wrong and in which line."""
        try:
            data: Any = parsed(text)
        except yaml.YAMLError as error:
            told = " ".join(str(error).split())
            raise ConfigError(f"{source} is not valid YAML: {told}") from error
        if not isinstance(data, dict):
            raise ConfigError(
                f"{source}: an accelerator is a mapping of keys, got {type(data).__name__}"
            )
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            line = line_of(text, place_of(error))
            told = explain(error, cls, whole="accelerator")
            raise ConfigError(f"{source}, line {line}: {told}") from error


def listed(pairs: Sequence[Pair]) -> str:
    """The pairs in words, narrow ones first: "4x4, 4x8, 8x8"."""
    ordered = sorted(pairs, key=lambda pair: (pair.weights, pair.activations))
    return ", ".join(map(str, ordered))
