"""A study's supernet in its folder: trained there once, and read by all who cut networks out."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bitwright.config import SupernetConfig
from bitwright.errors import ConfigError
from bitwright.execute.base import Workbench
from bitwright.nets.supernet import SuperNet
from bitwright.seeds import derive
from bitwright.space.joint import JointSpace
from bitwright.train.checkpoint import UNREADABLE, Checkpoint, write
from bitwright.train.shop import Shop
from bitwright.train.supernet import Hooks, SupernetTraining, fresh
from bitwright.train.trainer import Curve, Progress

FILE = "supernet.pt"


@dataclasses.dataclass(frozen=True, slots=True)
class Grown:
    """How a supernet's training went. `seconds` are those of all runs that took part in it."""

    curve: Curve
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Nursery:
    """Where the supernet of a study's space is raised."""

    shop: Shop
    space: JointSpace
    settings: SupernetConfig
    folder: Path
    seed: int

    @classmethod
    def of(cls, bench: Workbench) -> "Nursery":
        """The nursery in the folder of an evaluator's study."""
        return cls(bench.shop, bench.space, bench.supernet, bench.folder, bench.seed)

    def grown(self, watch: Callable[[Progress], None], rest: Callable[[], None]) -> Grown:
        """Trains the supernet to its end, from where an earlier run left it; or not at all.

        `rest` is called when a checkpoint is written: it may raise, to go on another time.
        """
        kept = self._kept()
        if kept is not None:
            return kept
        checkpoint = Checkpoint(self.folder / "supernet.checkpoint.pt", self._key())
        resume = checkpoint.load()
        spent = resume["seconds"] if resume else 0.0
        start = time.monotonic()

        def seconds() -> float:
            return spent + time.monotonic() - start

        def save(state: dict[str, Any]) -> None:
            checkpoint.save({**state, "seconds": seconds()})
            rest()

        hooks = Hooks(watch, save, resume)
        seed = derive(self.seed, 0, "supernet")
        training = SupernetTraining(self.shop, self.space, self.settings, seed, hooks)
        found = Grown(training.to_the_end(), seconds())
        self.keep(training.net, found)
        checkpoint.remove()
        return found

    def keep(self, net: SuperNet, grown: Grown) -> None:
        """Writes the supernet for `supernet` to read."""
        about = {"key": self._key(), **dataclasses.asdict(grown)}
        write(self._path, {"about": about, "net": net.state()})

    def seed_bed(self) -> None:
        """Writes an untrained supernet: as good as any to find out how long things take."""
        self.keep(fresh(self.shop, self.space, self.seed), Grown((), 0.0))

    def ready(self) -> bool:
        """Whether the trained supernet lies in the folder."""
        return self._kept() is not None

    def supernet(self) -> SuperNet:
        """The trained supernet; ConfigError where it is not in the folder, or another one is."""
        try:
            content = self._read()
        except UNREADABLE as error:
            raise ConfigError(
                f"the study's supernet in '{self._path}' cannot be read "
                f"({type(error).__name__}); put the file back, or delete it and run the same "
                "command again to train it anew"
            ) from error
        if content["about"]["key"] != self._key():
            raise ConfigError(
                f"the supernet in '{self._path}' is of another space or other settings; delete it "
                "and run the same command again to train it anew"
            )
        net = fresh(self.shop, self.space, seed=0)
        net.restore(content["net"])
        return net

    def _kept(self) -> Grown | None:
        try:
            about = self._read()["about"]
        except UNREADABLE:
            return None
        if about["key"] != self._key():
            return None
        return Grown(tuple(about["curve"]), about["seconds"])

    def _read(self) -> dict[str, Any]:
        found = torch.load(self._path, weights_only=True, map_location=self.shop.device)
        return dict(found)

    @property
    def _path(self) -> Path:
        return self.folder / FILE

    def _key(self) -> str:
        """Names all that the supernet's weights depend on."""
        lesson = self.shop.lesson
        parts = [
            self.space.space_id,
            self.settings.model_dump(mode="json", exclude={"final"}),
            self.shop.task.data.digest,
            self.seed,
            lesson.key if lesson else None,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
