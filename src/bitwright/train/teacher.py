"""Teachers: networks that are asked what they make of the training data (M7.2)."""

import abc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitwright.errors import ConfigError
from bitwright.nets.build import QuantNet
from bitwright.train.checkpoint import UNREADABLE
from bitwright.train.distill import Answers
from bitwright.train.netfile import read_net

ASKED_AT_ONCE = 500  # images a forward pass


class Teacher(abc.ABC):
    """Gives logits, and features where it has them, of images as the data set holds them."""

    shape: tuple[int, ...]  # of one image, (C, H, W)
    classes: tuple[str, ...] | None  # in the order of the logits, where they are known

    @abc.abstractmethod
    def ask(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (N, classes) and features (N, width) or None, of codes uint8 (N, C, H, W).

        The same image gets the same answer whenever it is asked about in the same company.
        """


class NetTeacher(Teacher):
    """A network that Bitwright trained."""

    def __init__(self, net: QuantNet, classes: tuple[str, ...] | None) -> None:
        self.net = net.eval()
        self.shape = net.graph.input.shape
        self.classes = classes

    @torch.no_grad()
    def ask(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the network says in evaluation mode."""
        features = self.net.features(images)
        return self.net.classify(features), features.float().flatten(1)


def load(path: Path, device: torch.device) -> tuple[NetTeacher, dict[str, Any]]:
    """The teacher in a file that `write_net` wrote, and what was said about it.

    ConfigError for another file.
    """
    try:
        net, about = read_net(path, device)
    except UNREADABLE as error:
        raise ConfigError(
            f"distill.teacher: '{path}' is no checkpoint of a teacher; name a study's teacher.pt, "
            "or an .onnx file"
        ) from error
    return NetTeacher(net, about.get("classes")), about


def answers(
    teacher: Teacher,
    views: Sequence[Tensor],
    *,
    features: bool,
    progress: Callable[[int, int], None],
) -> Answers:
    """What the teacher says of the images in each view; `progress` counts images."""
    count = len(views[0])
    logits: list[Tensor] = []
    seen: list[Tensor] = []
    for number, images in enumerate(views):
        for at in range(0, count, ASKED_AT_ONCE):
            found, feature = teacher.ask(images[at : at + ASKED_AT_ONCE])
            logits.append(found.to(images.device))
            if features and feature is not None:
                seen.append(feature.to(images.device))
            progress(number * count + min(count, at + ASKED_AT_ONCE), len(views) * count)
    return Answers(_by_view(logits, len(views)), _by_view(seen, len(views)) if seen else None)


def _by_view(parts: list[Tensor], views: int) -> Tensor:
    """(views, images, ...) of the parts of all views, one after the other."""
    whole = torch.cat(parts)
    return whole.reshape(views, -1, *whole.shape[1:])
