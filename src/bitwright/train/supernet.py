"""Training a study's supernet: once, before its search."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bitwright.config import SupernetConfig
from bitwright.errors import InfeasibleError
from bitwright.nets.build import QuantNet
from bitwright.nets.supernet import SuperNet
from bitwright.seeds import derive, generator
from bitwright.space.joint import JointSpace
from bitwright.train.batches import Batch
from bitwright.train.sandwich import sandwich
from bitwright.train.schedule import Schedule
from bitwright.train.shop import Shop
from bitwright.train.trainer import (
    BETAS,
    CHECK_EVERY,
    LARGEST_GRADIENT,
    LARGEST_LOSS,
    Curve,
    Progress,
    precision,
)

SOFTNESS = 1.0  # the temperature of what the largest network says


@dataclasses.dataclass(frozen=True, slots=True)
class Hooks:
    """What a caller may attach: as the trainer's hooks of these names.

    `save` is given a state whose tensors go on learning: it must have written it when it returns.
    """

    watch: Callable[[Progress], None] = lambda progress: None
    save: Callable[[dict[str, Any]], None] = lambda state: None
    resume: dict[str, Any] | None = None


def fresh(shop: Shop, space: JointSpace, seed: int) -> SuperNet:
    """A supernet of the space with weights from the seed."""
    grid = shop.task.data.input
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, 0, "weights"))
        return SuperNet(space, input_step=grid.step, input_zero=grid.zero_point, device=shop.device)


class SupernetTraining:
    """One training run. In each step the networks of a sandwich learn the same batch.

    The largest learns the labels; the others learn, in part, what the largest says of the batch
    (in-place distillation, arXiv 1903.05134), where the task has a way to imitate.
    """

    def __init__(
        self,
        shop: Shop,
        space: JointSpace,
        settings: SupernetConfig,
        seed: int,
        hooks: Hooks = Hooks(),
    ) -> None:
        self._shop, self._space, self._settings, self._hooks = shop, space, settings, hooks
        self._seed = seed
        self.net = fresh(shop, space, seed)
        self._batches = shop.batches(settings.train, derive(seed, 0, "batches"))
        self._schedule = Schedule.of(settings.train, self._batches.per_epoch)
        self._imitate = shop.task.imitation()
        self._optimizer = torch.optim.AdamW([nn.Parameter(torch.empty(0))], betas=BETAS, fused=True)
        self._known: set[str] = set()  # names of the tensors that the optimizer moves
        self._done = 0
        self._curve: list[tuple[float, float, float | None]] = []

    def to_the_end(self) -> Curve:
        """Trains; returns (epoch, the largest networks' mean loss, None) for each epoch.

        Raises InfeasibleError when the loss has exploded or is no longer a number.
        """
        if self._hooks.resume is not None:
            self._restore(self._hooks.resume)
        losses: list[Tensor] = []
        for _, batch in zip(range(self._schedule.total - self._done), self._batches, strict=False):
            losses.append(self._step(batch))
            self._done += 1
            ends = self._done % self._batches.per_epoch == 0 or self._done == self._schedule.total
            if ends or self._done % CHECK_EVERY == 0:
                self._look(losses)
            if ends:
                mean = float(torch.stack(losses).mean())
                self._curve.append((self._done / self._batches.per_epoch, mean, None))
                losses.clear()
                self._hooks.save(self._state())
        return tuple(self._curve)

    def _step(self, batch: Batch) -> Tensor:
        """All networks of the step learn, then the weights move once. The largest one's loss."""
        rng = generator(self._seed, self._done, "sandwich")
        touched: set[str] = set()
        taught, first = None, None
        for blueprint in sandwich(self._space, self._settings.between, rng):
            net = self.net.network(blueprint).train()
            outputs, loss = self._loss(net, batch, taught)
            loss.backward()  # type: ignore[no-untyped-call]
            touched |= self.net.collect(net)
            if taught is None:
                taught, first = outputs.detach(), loss.detach()
        self._move(touched)
        assert first is not None  # a sandwich is never empty
        return first

    def _loss(self, net: QuantNet, batch: Batch, taught: Tensor | None) -> tuple[Tensor, Tensor]:
        config = self._settings.train
        with precision(config.precision, self._shop.device):
            features = net.features(batch.inputs)
            outputs = net.classify(features)
        part = self._settings.imitation
        if taught is None or self._imitate is None or not part:
            return outputs, self._shop.objective.loss(outputs, features, batch, config)
        loss = part * self._imitate(outputs, taught, SOFTNESS)
        if part < 1:
            own = self._shop.objective.loss(outputs, features, batch, config)
            loss = loss + (1 - part) * own
        return outputs, loss

    def _move(self, touched: set[str]) -> None:
        """One step of the optimizer for the tensors that some network of it has."""
        self._enlist()
        tensors = self.net.shared.chosen(touched)
        nn.utils.clip_grad_norm_(tensors, LARGEST_GRADIENT, foreach=True)
        rate = self._settings.train.learning_rate * self._schedule.rate(self._done)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        torch._foreach_zero_([t.grad for t in tensors if t.grad is not None])

    def _enlist(self) -> None:
        """Tells the optimizer of tensors that are new: a method brings its own when first met."""
        new = {k: v for k, v in self.net.shared.learning.items() if k not in self._known}
        for decays in (True, False):
            chosen = [v for name, v in new.items() if name.endswith(".weight") == decays]
            if chosen:
                decay = self._settings.train.weight_decay if decays else 0.0
                self._optimizer.add_param_group({"params": chosen, "weight_decay": decay})
        self._known |= new.keys()

    def _look(self, losses: list[Tensor]) -> None:
        recent = float(torch.stack(losses[-CHECK_EVERY:]).mean())
        if not recent < LARGEST_LOSS:  # so that NaN counts too
            raise InfeasibleError(
                f"the supernet's training diverged: the loss was {recent} at step {self._done} of "
                f"{self._schedule.total}; lower supernet.train.learning_rate"
            )
        epoch = self._done / self._batches.per_epoch
        self._hooks.watch(Progress(self._done, self._schedule.total, epoch, recent))

    def _state(self) -> dict[str, Any]:
        moments = self._optimizer.state
        return {
            "net": self.net.state(),
            "moments": {k: dict(moments[v]) for k, v in self.net.shared.learning.items()},
            "generator": self._batches.generator.get_state(),
            "done": self._done,
            "curve": self._curve,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.net.restore(state["net"])
        self._enlist()
        for name, tensor in self.net.shared.learning.items():
            if state["moments"][name]:
                self._optimizer.state[tensor] = state["moments"][name]
        self._batches.generator.set_state(state["generator"])
        self._done = state["done"]
        self._curve = list(state["curve"])
