"""Any ONNX model as a teacher: one image input, logits or probabilities out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitwright.errors import ConfigError, TargetError
from bitwright.export.runtime import CLASSES_KEY, open_session, run_errors
from bitwright.train.teacher import Teacher

BATCH = 256  # images a run, where the model does not fix it
SMALLEST = 1e-12  # probability whose logarithm is still a number
Floats = npt.NDArray[np.float32]


class OnnxTeacher(Teacher):
    """A model in a file. What it is given must fit the data; ConfigError where it does not.

    A uint8 input takes the codes as they are. A float32 input takes (code / 255 - mean) /
    deviation, both stated by the study, one for each channel or one for all. Images go in as
    (N, C, H, W) or (N, H, W, C), whichever the model takes.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        *,
        mean: tuple[float, ...] | None,
        deviation: tuple[float, ...] | None,
        threads: int,
    ) -> None:
        self.path = path
        self.shape = shape
        try:
            self._session = open_session(path, threads=threads)
        except TargetError as error:
            raise ConfigError(f"distill.teacher: {error}") from error
        self._input = self._only_input()
        self._output = self._logits_output()
        self._last = self._channels_last()
        self._floats = self._takes_floats(mean, deviation)
        self._mean, self._deviation = mean or (0.0,), deviation or (1.0,)
        self.classes = self._class_names()

    def ask(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits; features lie inside of the model, where nobody can ask for them."""
        codes = images.cpu().numpy()
        size = self._input.shape[0] if isinstance(self._input.shape[0], int) else BATCH
        parts = [self._run(codes[at : at + size], size) for at in range(0, len(codes), size)]
        return torch.from_numpy(_as_logits(np.concatenate(parts))), None

    def _run(self, codes: npt.NDArray[np.uint8], size: int) -> Floats:
        """The output for one batch; one that the model fixes is filled up."""
        given = self._normalised(codes)
        if isinstance(self._input.shape[0], int) and len(given) < size:
            given = np.concatenate([given, np.repeat(given[-1:], size - len(given), 0)])
        try:
            found = np.asarray(self._session.run([self._output], {self._input.name: given})[0])
        except run_errors() as error:
            raise self._wrong(
                f"ONNX Runtime cannot run it on such images: {error}", "mend the model"
            ) from error
        if found.ndim != 2 or len(found) != len(given) or found.dtype.kind != "f":
            raise self._wrong(
                f"output '{self._output}' is {found.dtype} {found.shape}",
                "a teacher gives one row of logits an image; cut the model there",
            )
        return found[: len(codes)].astype(np.float32)

    def _normalised(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        given: npt.NDArray[Any] = codes
        if self._floats:
            mean, deviation = (
                np.asarray(value, np.float32).reshape(-1, 1, 1)
                for value in (self._mean, self._deviation)
            )
            given = (codes.astype(np.float32) / 255 - mean) / deviation
        return np.ascontiguousarray(np.moveaxis(given, 1, -1) if self._last else given)

    def _only_input(self) -> Any:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(f"'{item.name}'" for item in inputs)
            raise self._wrong(f"it has {len(inputs)} inputs ({names})", "a teacher has one: images")
        return inputs[0]

    def _logits_output(self) -> str:
        names = [item.name for item in self._session.get_outputs()]
        if len(names) == 1 or "logits" in names:
            return names[0] if len(names) == 1 else "logits"
        raise self._wrong(
            f"it has the outputs {', '.join(names)}", "call the one that counts 'logits'"
        )

    def _channels_last(self) -> bool:
        """Whether it takes (N, H, W, C); a size that the model leaves open fits everything."""
        found = tuple(self._input.shape[1:])
        first, last = self.shape, (*self.shape[1:], self.shape[0])
        if _fits(found, first):
            return False
        if _fits(found, last):
            return True
        raise self._wrong(
            f"it takes images of shape {_shown(found)}, the data's are {_shown(first)}",
            "name a teacher for such images, or bring the data to its size",
        )

    def _takes_floats(
        self, mean: tuple[float, ...] | None, deviation: tuple[float, ...] | None
    ) -> bool:
        stated = mean is not None and deviation is not None
        kind = self._input.type
        if kind == "tensor(uint8)":
            if mean is not None or deviation is not None:
                raise self._wrong(
                    "it takes uint8 codes as they are", "leave distill.mean and deviation out"
                )
            return False
        if kind != "tensor(float)":
            raise self._wrong(f"its input is {kind}", "a teacher takes uint8 or float32 images")
        if not stated:
            raise self._wrong(
                "it takes float32 images",
                "say how it was given them, (code / 255 - mean) / deviation, as distill.mean and "
                "distill.deviation",
            )
        for name, values in (("mean", mean), ("deviation", deviation)):
            if len(values or ()) not in (1, self.shape[0]):
                raise self._wrong(
                    f"distill.{name} has {len(values or ())} values, images {self.shape[0]} "
                    "channels",
                    "give one for each channel, or one for all",
                )
        return True

    def _class_names(self) -> tuple[str, ...] | None:
        """The classes that a file of ours names."""
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            return tuple(map(str, json.loads(metadata[CLASSES_KEY])))
        except (KeyError, TypeError, json.JSONDecodeError):
            return None

    def _wrong(self, law: str, remedy: str) -> ConfigError:
        return ConfigError(f"distill.teacher: '{self.path}' cannot teach here: {law}; {remedy}")


def _fits(found: tuple[Any, ...], wanted: tuple[int, ...]) -> bool:
    return len(found) == len(wanted) and all(
        not isinstance(size, int) or size == want for size, want in zip(found, wanted, strict=True)
    )


def _shown(shape: tuple[Any, ...]) -> str:
    return "x".join(str(size) if isinstance(size, int) else "?" for size in shape)


def _as_logits(found: Floats) -> Floats:
    """Logits; of probabilities their logarithms, which give the same predictions when softened."""
    if (found >= 0).all() and np.allclose(found.sum(1), 1, atol=1e-3):
        return np.log(np.maximum(found, SMALLEST))
    return found
