"""A model file as a target measures it, whoever made the file; and how right it is on data."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitwright.errors import ConfigError
from bitwright.records import Genome, Measurement, policy_from_dict, unit_from_dict
from bitwright.study.view import Entry, ModelView, fields_of

if TYPE_CHECKING:
    from bitwright.targets.base import Runner, Target
    from bitwright.tasks.data.images import ImageData

THREADS = 1  # of judging: what it finds does not depend on it


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """What models are asked: the images, and how those of float32 were given them."""

    data: "ImageData"
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None


def measured(path: Path, target: str, question: Question | None = None) -> ModelView:
    """The model at `path` on the target of that name; tested on the question's test set.

    TargetError for a file that the target cannot take, ConfigError for data that it does not fit.
    """
    from bitwright.export.onnx_reader import metadata
    from bitwright.targets.base import make

    on = make(target)
    about = metadata(path)
    found = on.measure(path)
    if about is not None:
        found = _counted(path) | found
    entry = _entry(path.name, about or {}, found)
    context = found["latency_ms"].context
    if question is None:
        data = entry.test_accuracy is not None or entry.accuracy is not None
        named = (about or {}).get("data") if data else None
        return ModelView(str(path), target, entry, context, named)
    accuracy = _accuracy(path, on, question, ours=about is not None)
    entry = dataclasses.replace(entry, accuracy=None, test_accuracy=accuracy)
    images = question.data
    return ModelView(str(path), target, entry, context, images.name, len(images.test))


def _counted(path: Path) -> dict[str, Measurement]:
    """What a file of ours costs, wherever it runs; nothing of one of an older version."""
    from bitwright.errors import TargetError
    from bitwright.export.onnx_reader import read
    from bitwright.measure.cost import costs

    try:
        graph = read(path).graph
    except TargetError:
        return {}
    return {name: Measurement(float(value)) for name, value in costs(graph).items()}


def _entry(label: str, about: Mapping[str, str], found: Mapping[str, Measurement]) -> Entry:
    """The network with what its file says of itself, as far as it says anything."""
    fields: dict[str, Any] = fields_of(found)
    for field, key in (("accuracy", "held_out_accuracy"), ("test_accuracy", "test_accuracy")):
        if key in about:
            fields[field] = float(about[key])
    return Entry(
        label,
        Genome("", tuple(json.loads(about.get("genome", "{}")).items())),
        policy_from_dict(json.loads(about.get("policy", "{}"))),
        tuple(unit_from_dict(unit) for unit in json.loads(about.get("units", "[]"))),
        **fields,
    )


def _accuracy(path: Path, target: "Target", question: Question, *, ours: bool) -> float:
    """The share of the test set's images that the model classifies rightly."""
    runner = _runner(path, target, question, ours=ours)
    test = question.data.test
    logits = runner.logits(test.images)
    if logits.shape[1] != len(question.data.classes):
        raise ConfigError(
            f"'{path}' knows {logits.shape[1]} classes, data set '{question.data.name}' has "
            f"{len(question.data.classes)}; name the data that it was trained for"
        )
    return float((logits.argmax(1) == test.labels).mean())


def _runner(path: Path, target: "Target", question: Question, *, ours: bool) -> "Runner":
    """The model at work: as the target runs it where it is ours, else in ONNX Runtime."""
    from bitwright.export.image_model import ImageModel, input_type

    shape = tuple(question.data.test.images.shape[1:])
    given: dict[str, Any] = {}
    if input_type(path) == "tensor(float)":
        given = {"mean": question.mean, "deviation": question.deviation}
    model = ImageModel(path, shape, threads=THREADS, **given)
    if model.classes is not None and model.classes != question.data.classes:
        raise ConfigError(
            f"'{path}' calls its classes {', '.join(model.classes)}, data set "
            f"'{question.data.name}' {', '.join(question.data.classes)}; name the data that it was "
            "trained for"
        )
    return target.load(path, threads=THREADS) if ours else model
