"""The operators and constants of an ONNX graph as it is written, under the shortest names."""

import string
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from bitwright.export.integer import Array
from bitwright.export.packing import pack_fields


class Nodes:
    """Operators in the order they were added; equal constants are stored once."""

    def __init__(self) -> None:
        self.made: list[onnx.NodeProto] = []
        self._constants: dict[tuple[Any, ...], onnx.TensorProto] = {}
        self._names = 0

    @property
    def constants(self) -> list[onnx.TensorProto]:
        """Every constant."""
        return list(self._constants.values())

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator; returns the name of its result."""
        result = self._name()
        self.made.append(helper.make_node(operator, inputs, [result], **attributes))
        return result

    def constant(self, values: Array, *, shared: bool = True) -> str:
        """The name of a constant; equal ones are one, unless `shared` is False.

        ONNX Runtime's exact mode (session.x64quantprecision) rewrites int8 weights and their zero
        points, and fails on those that two layers share.
        """
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        owner = None if shared else len(self._constants)
        return self._stored(values.tobytes(), kind, values.shape, owner)

    def packed(self, values: npt.NDArray[Any], kind: int, bits: int) -> str:
        """The name of a constant of which the lowest bits are stored."""
        return self._stored(pack_fields(values.view(np.uint8), bits), kind, values.shape)

    def _stored(
        self, data: bytes, kind: int, shape: tuple[int, ...], owner: int | None = None
    ) -> str:
        key = (data, kind, shape, owner)
        if key not in self._constants:
            self._constants[key] = helper.make_tensor(self._name(), kind, shape, data, raw=True)
        return self._constants[key].name

    def _name(self) -> str:
        """A new name, as short as can be: letters only."""
        number, name = self._names, ""
        self._names += 1
        while True:
            number, letter = divmod(number, len(string.ascii_letters))
            name = string.ascii_letters[letter] + name
            if number == 0:
                return name
            number -= 1
