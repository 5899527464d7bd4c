"""Tensors that many networks have parts of."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class SharedTensors:
    """Tensors by name, on one device, each with the gradient of those that learn.

    A part of a tensor is the first of each axis, and of a kernel's two last ones the middle.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._tensors: dict[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def add(self, name: str, value: Tensor, *, learns: bool) -> None:
        """A copy of `value` under a new name."""
        tensor = value.detach().clone(memory_format=torch.contiguous_format).to(self.device)
        self._tensors[name] = tensor.requires_grad_(learns)
        if learns:
            self._gradients[name] = torch.zeros_like(tensor)

    def part(self, name: str, shape: Iterable[int]) -> Tensor:
        """A view of a part of a tensor; a parameter, where that learns."""
        found = _part(self._tensors[name].detach(), shape)
        return nn.Parameter(found) if name in self._gradients else found

    def gradient(self, name: str, shape: Iterable[int]) -> Tensor:
        """The same part of the gradient of one that learns."""
        return _part(self._gradients[name], shape)

    def chosen(self, names: Iterable[str]) -> list[Tensor]:
        """The tensors of those names with their gradients as `grad`; all others have none."""
        wanted = set(names)
        for name, gradient in self._gradients.items():
            self._tensors[name].grad = gradient if name in wanted else None
        return [self._tensors[name] for name in sorted(wanted)]

    @property
    def learning(self) -> dict[str, Tensor]:
        """Those that learn."""
        return {name: self._tensors[name] for name in self._gradients}

    def state(self) -> dict[str, Any]:
        """Every tensor, and whether it learns."""
        return {
            name: {"value": tensor.detach(), "learns": name in self._gradients}
            for name, tensor in self._tensors.items()
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes on what `state` gave; names that are missing are added."""
        for name, one in state.items():
            if name in self._tensors:
                self._tensors[name].copy_(one["value"])
            else:
                self.add(name, one["value"], learns=one["learns"])


def _part(whole: Tensor, shape: Iterable[int]) -> Tensor:
    for axis, (size, wanted) in enumerate(zip(whole.shape, shape, strict=True)):
        start = (size - wanted) // 2 if axis > 1 else 0
        whole = whole.narrow(axis, start, wanted)
    return whole
