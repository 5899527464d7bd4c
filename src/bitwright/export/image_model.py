"""Any ONNX model of one image input, whoever made it: asked about images, or timed on one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitwright.errors import TargetError
from bitwright.export.runtime import BATCH, CLASSES_KEY, open_session, run_errors

if TYPE_CHECKING:
    import onnxruntime

Floats = npt.NDArray[np.float32]
_TIMED: dict[str, type[np.generic]] = {
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


class ImageModel:
    """A model in a file. What it is given must fit the images; TargetError where it does not.

    `shape` is that of one image, (C, H, W). A uint8 input takes the codes as they are. A float32
    input takes (code / 255 - mean) / deviation, both stated, one for each channel or one for all.
    Images go in as (N, C, H, W) or (N, H, W, C), whichever the model takes. `classes` are the names
    that a file of ours gives.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        *,
        mean: tuple[float, ...] | None = None,
        deviation: tuple[float, ...] | None = None,
        threads: int = 1,
    ) -> None:
        self.path = path
        self.shape = shape
        self._session = open_session(path, threads=threads)
        self._input = only_input(self._session, path)
        self._output = self._logits_output()
        self._last = self._channels_last()
        self._floats = self._takes_floats(mean, deviation)
        self._mean, self._deviation = mean or (0.0,), deviation or (1.0,)
        self.classes = self._class_names()

    def logits(self, images: npt.NDArray[np.uint8]) -> Floats:
        """The outputs (N, classes) for images (N, C, H, W)."""
        fixed = self._input.shape[0]
        size = fixed if isinstance(fixed, int) else BATCH
        parts = [self._run(images[at : at + size], size) for at in range(0, len(images), size)]
        return np.concatenate(parts)

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
                "a classifier gives one row of logits an image; cut the model there",
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
            "name a model for such images, or bring the data to its size",
        )

    def _takes_floats(
        self, mean: tuple[float, ...] | None, deviation: tuple[float, ...] | None
    ) -> bool:
        stated = mean is not None and deviation is not None
        kind = self._input.type
        if kind == "tensor(uint8)":
            if mean is not None or deviation is not None:
                raise self._wrong("it takes uint8 codes as they are", "leave mean, deviation out")
            return False
        if kind != "tensor(float)":
            raise self._wrong(f"its input is {kind}", "give it an input of uint8 or float32")
        if not stated:
            raise self._wrong(
                "it takes float32 images",
                "say how it was given them, (code / 255 - mean) / deviation, as mean and deviation",
            )
        for name, values in (("mean", mean), ("deviation", deviation)):
            if len(values or ()) not in (1, self.shape[0]):
                raise self._wrong(
                    f"{name} has {len(values or ())} values, images {self.shape[0]} channels",
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

    def _wrong(self, law: str, remedy: str) -> TargetError:
        return TargetError(f"'{self.path}' cannot be asked about the data: {law}; {remedy}")


def input_type(path: Path | str) -> str:
    """What a model's one input takes: "tensor(uint8)", "tensor(float)"."""
    return str(only_input(open_session(path), path).type)


def only_input(session: "onnxruntime.InferenceSession", path: Path | str) -> Any:
    """The one input of a model, with `name`, `type` and `shape`; TargetError if it has others."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(f"'{item.name}'" for item in inputs)
        raise TargetError(
            f"'{path}' has {len(inputs)} inputs ({names}), where one belongs, an image; make the "
            "others part of the model, as constants"
        )
    return inputs[0]


def random_input(
    session: "onnxruntime.InferenceSession", path: Path | str
) -> dict[str, npt.NDArray[Any]]:
    """One random input for a model, to time it with; a batch of any size is a batch of one.

    TargetError where the model leaves other sizes open, or takes what no image is.
    """
    item = only_input(session, path)
    kind = _TIMED.get(item.type)
    if kind is None:
        raise TargetError(
            f"'{path}': input '{item.name}' is {item.type}; images are {', '.join(_TIMED)}"
        )
    first, *rest = item.shape or [None]
    shape = (first if isinstance(first, int) else 1, *rest)
    if not item.shape or not all(isinstance(size, int) and size > 0 for size in shape):
        raise TargetError(
            f"'{path}': input '{item.name}' leaves sizes open ({_shown((first, *rest))}), where "
            "only the first, the batch, may be; export it with the others fixed"
        )
    rng = np.random.default_rng(0)
    whole = np.issubdtype(kind, np.integer)
    values = rng.integers(0, 128 if kind is np.int8 else 256, shape) if whole else rng.random(shape)
    return {item.name: values.astype(kind)}


def _fits(found: tuple[Any, ...], wanted: tuple[int, ...]) -> bool:
    return len(found) == len(wanted) and all(
        not isinstance(size, int) or size == want for size, want in zip(found, wanted, strict=True)
    )


def _shown(shape: tuple[Any, ...]) -> str:
    return "x".join(str(size) if isinstance(size, int) else "?" for size in shape)
