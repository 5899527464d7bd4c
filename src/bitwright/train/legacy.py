"""The weights that trials leave to those to come, in the study's folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bitwright.errors import ConfigError
from bitwright.execute.weights import weights_file
from bitwright.nets.build import QuantNet
from bitwright.records import Blueprint
from bitwright.train.checkpoint import UNREADABLE
from bitwright.train.netfile import write_net

Found = TypeVar("Found")


def leave(net: QuantNet, blueprint: Blueprint, folder: Path, number: int, **about: Any) -> None:
    """Keeps what the trial of that number has learned; `about` travels along."""
    path = weights_file(folder, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_net(net, blueprint, path, {"trial": str(number), **about})


def left_by(number: int, folder: Path, read: Callable[[Path], Found]) -> Found:
    """What `read` makes of that trial's file; ConfigError where it is missing or broken."""
    path = weights_file(folder, number)
    try:
        return read(path)
    except UNREADABLE as error:
        raise ConfigError(
            f"the weights in '{path}', which candidates are to start from, cannot be read "
            f"({error}); put the file back, or start the study anew in another folder"
        ) from error
