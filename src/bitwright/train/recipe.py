"""How a study's evaluator is made in any process: the study's parts, and the process's settings."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bitwright.execute.base import EVALUATORS, Evaluator, Workbench
from bitwright.execute.shared import Reducer
from bitwright.quant.fake import use_fused


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """Makes the evaluator of that name; from then on this process computes with `threads`.

    It pickles: registered names and the code behind them must be known to the other process too.
    """

    evaluator: str
    bench: Workbench
    threads: int
    fused: bool

    def __call__(self) -> Evaluator:
        """The evaluator, ready for jobs."""
        use_fused(self.fused)
        torch.set_num_threads(self.threads)
        shop = dataclasses.replace(self.bench.shop, threads=self.threads)
        return EVALUATORS.get(self.evaluator)(dataclasses.replace(self.bench, shop=shop))


def _reduced(tensor: Tensor) -> tuple[Any, ...]:
    """The tensor as an array that processes can share; a device's is copied back to it."""
    if tensor.requires_grad or tensor.dtype == torch.bfloat16:  # NumPy knows neither
        return tuple(Tensor.__reduce_ex__(tensor, 5))  # type: ignore[no-untyped-call]
    return _restored, (tensor.cpu().numpy(), str(tensor.device))


def _restored(array: Any, device: str) -> Tensor:
    return torch.from_numpy(array).to(device)


REDUCERS: Mapping[type, Reducer] = {Tensor: _reduced}
