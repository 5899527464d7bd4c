"""Supervised training of a network under its policy (M7.1)."""

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bitwright.config import TrainConfig
from bitwright.errors import InfeasibleError
from bitwright.nets.build import QuantNet
from bitwright.train.batches import Batch, Batches
from bitwright.train.objective import Objective
from bitwright.train.schedule import Schedule

CHECK_EVERY = 20  # steps between looks at the loss: reading it waits for the device
LARGEST_LOSS = 1e4  # no network that learns has a loss like this
LARGEST_GRADIENT = 5.0  # norm of all gradients together; larger ones are scaled down to it
BETAS = (0.9, 0.99)  # of the optimizer's memories
TUNING_RATE = 0.3  # of the learning rate, for what is known, in less than a whole training

CLASSIFICATION = Objective()

Curve = tuple[tuple[float, float, float | None], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a training run is: steps, epochs so far, mean loss of the last steps."""

    done: int
    total: int
    epoch: float
    loss: float


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """Layers that start from trained weights, by name; `part` of a whole training is to come.

    Unless it is all of it, they learn at a part of the rate: steps of full length undo what they
    know, the optimizer being without a memory, and a short training cannot find it again.
    """

    layers: frozenset[str] = frozenset()
    part: float = 1.0

    def rate(self, layer: str) -> float:
        """The part of the learning rate at which that layer learns."""
        return TUNING_RATE if layer in self.layers and self.part < 1 else 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Hooks:
    """What a caller may attach: `judge` gives held-out accuracy, `watch` sees progress.

    `between` is called before each step: it may wait, or end the training by raising. `save` is
    given the state after each epoch, `resume` is such a state to go on from. `until` ends the run
    after that part of the budget; `keep` is given the state from which a longer one goes on.
    """

    judge: Callable[[QuantNet], float] | None = None
    watch: Callable[[Progress], None] | None = None
    between: Callable[[], None] | None = None
    save: Callable[[dict[str, Any]], None] | None = None
    resume: dict[str, Any] | None = None
    until: float = 1.0
    keep: Callable[[dict[str, Any]], None] | None = None


def train(
    net: QuantNet,
    batches: Batches,
    config: TrainConfig,
    hooks: Hooks = Hooks(),
    objective: Objective = CLASSIFICATION,
    known: Known = Known(),
) -> Curve:
    """Trains `net` in place; returns (epoch, training loss, held-out accuracy or None) per epoch.

    The first part of the steps is in full precision, where the budget says so; a network that knows
    something is under its policy at once.
    Ends at the step limit, or when the held-out accuracy has not risen for `patience` epochs.
    Raises InfeasibleError when the loss has exploded or is no longer a number.
    """
    return _Run(net, batches, config, hooks, objective, known).to_the_end()


class _Run:
    """One training run: the optimizer, the schedule and the curve so far."""

    def __init__(
        self,
        net: QuantNet,
        batches: Batches,
        config: TrainConfig,
        hooks: Hooks,
        objective: Objective,
        known: Known,
    ) -> None:
        self.net, self.batches, self.config, self.hooks = net, batches, config, hooks
        self.objective = objective
        if known.layers:
            config = config.model_copy(update={"full_precision": 0.0})
        self.schedule = Schedule.of(config, batches.per_epoch, hooks.until)
        self.total = self.schedule.total
        if not self.schedule.quantizes_at and hooks.resume is None:
            self._fit_quantizers(next(iter(batches)))
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(net, config, known),
            lr=config.learning_rate,
            betas=BETAS,
            fused=True,
        )
        self.done = 0
        self.curve: list[tuple[float, float, float | None]] = []
        self.losses: list[Tensor] = []  # of the steps since the curve's last point
        self._pass_begins = batches.generator.get_state()
        if self.schedule.quantizes_at:
            net.loosen()

    def _fit_quantizers(self, batch: Batch) -> None:
        """Lets every quantizer fit its step to real activations before the optimizer reads it."""
        self.net.train()
        with torch.no_grad():
            self.net(batch.inputs)

    def _set_rate(self) -> None:
        """This step's learning rate.

        torch's own schedules tie a network into a circle of references, which only a rare
        collection takes apart: a search would hold a dozen dead networks.
        """
        part = self.schedule.rate(self.done)
        for group in self.optimizer.param_groups:
            group["lr"] = group.get("share", 1.0) * self.config.learning_rate * part

    def to_the_end(self) -> Curve:
        """Steps until a rule ends the run."""
        if self.hooks.resume is not None:
            self._restore(self.hooks.resume)
        self.net.train()
        for batch in self._remaining():
            if self.hooks.between:
                self.hooks.between()
            if self.done == self.schedule.quantizes_at > 0:
                self.net.tighten()
                self._fit_quantizers(batch)
            if self.done == self.schedule.freezes_at:
                self.net.freeze_norms()
            self.losses.append(self._step(batch))
            self.done += 1
            epoch_ends = self.done % self.batches.per_epoch == 0 or self.done == self.total
            if self.done % CHECK_EVERY == 0 or epoch_ends:
                self._look()
            if epoch_ends and self._end_epoch():
                break
        self.net.eval()
        return tuple(self.curve)

    def _remaining(self) -> Iterator[Batch]:
        """The batches to come; of a pass that was broken off, those that were not seen yet."""
        batches = iter(self.batches)
        for _ in range(self.done % self.batches.per_epoch):
            next(batches)
        while self.done < self.total:
            if self.done % self.batches.per_epoch == 0:
                self._pass_begins = self.batches.generator.get_state()
            if self.hooks.keep and self.done == self.schedule.cools_at:
                self.hooks.keep(self._state())
            yield next(batches)

    def _step(self, batch: Batch) -> Tensor:
        with self._autocast():
            features = self.net.features(batch.inputs)
            outputs = self.net.classify(features)
        loss = self.objective.loss(outputs, features, batch, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT, foreach=True)
        self._set_rate()
        self.optimizer.step()
        return loss.detach()

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        device = next(self.net.parameters()).device
        return precision(self.config.precision, device)

    def _look(self) -> None:
        recent = float(torch.stack(self.losses[-CHECK_EVERY:]).mean())
        if not recent < LARGEST_LOSS:  # so that NaN counts too
            raise InfeasibleError(
                f"training diverged: the loss was {recent} at step {self.done} of {self.total}"
            )
        if self.hooks.watch:
            epoch = self.done / self.batches.per_epoch
            self.hooks.watch(Progress(self.done, self.total, epoch, recent))

    def _end_epoch(self) -> bool:
        """Writes the epoch into the curve; True when the run has converged."""
        accuracy = None
        if self.hooks.judge:
            accuracy = self.hooks.judge(self.net)
            self.net.train()
        loss = float(torch.stack(self.losses).mean())
        self.losses.clear()
        self.curve.append((self.done / self.batches.per_epoch, loss, accuracy))
        if self.hooks.save:
            self.hooks.save(self._state())
        return self._converged()

    def _converged(self) -> bool:
        if self.config.patience is None:
            return False
        begins = (
            self.schedule.quantizes_at / self.batches.per_epoch
        )  # what was before is no measure
        seen = [a for epoch, _, a in self.curve if a is not None and epoch > begins]
        if len(seen) <= self.config.patience:
            return False
        return max(seen[-self.config.patience :]) <= max(seen[: -self.config.patience])

    def _state(self) -> dict[str, Any]:
        """A copy: the tensors of a state dict are the network's own, and training goes on.

        `generator` is what the present pass over the data began with, or what the next will.
        """
        whole_passes = self.done % self.batches.per_epoch == 0
        began = self.batches.generator.get_state() if whole_passes else self._pass_begins
        state = {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": began,
            "losses": self.losses,
            "done": self.done,
            "curve": self.curve,
        }
        return copy.deepcopy(state)

    def _restore(self, state: dict[str, Any]) -> None:
        if state["done"] > self.schedule.quantizes_at:
            self.net.tighten()
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._pass_begins = state["generator"]
        self.batches.generator.set_state(self._pass_begins)
        self.done = state["done"]
        self.curve = list(state["curve"])
        self.losses = list(state["losses"])
        if self.done > self.schedule.freezes_at:
            self.net.freeze_norms()


def _parameter_groups(net: QuantNet, config: TrainConfig, known: Known) -> list[dict[str, Any]]:
    """Kernels decay; biases, gains and steps do not. `share` is a group's part of the rate."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for layer in net.graph.nodes[1:]:
        rate = known.rate(layer.name)
        for name, parameter in net.layer(layer.name).named_parameters():
            groups.setdefault((rate, name == "weight"), []).append(parameter)
    return [
        {"params": found, "weight_decay": config.weight_decay if decays else 0.0, "share": rate}
        for (rate, decays), found in groups.items()
    ]


def precision(name: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """The autocast that `train.precision` asks for; "auto" is bfloat16 where that is faster."""
    wanted = name == "bfloat16" or (name == "auto" and fast_bfloat16(device))
    if not wanted:
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    cpu: Any = torch.cpu
    return bool(cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported())
