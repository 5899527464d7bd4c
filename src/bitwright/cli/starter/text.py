"""The text of a first study file: commented, ready to run, easy to change."""

import os
from typing import Any

import yaml

from bitwright.cli.starter.answers import Answers, is_small
from bitwright.cli.starter.budget import BATCH, Budget, budget
from bitwright.cli.starter.space import FittingSpace, fitting_space
from bitwright.config import StudyConfig
from bitwright.metrics import EVERYWHERE
from bitwright.targets.base import kind_of
from bitwright.tasks.data.glimpse import Glimpse

FEW_IMAGES = 2000  # so few need a larger part held out, for a judgement that means something


def study_file(answers: Answers, *, file: str, schema: str) -> str:
    """The study file's text; ConfigError where no study can meet the answers.

    `file` is the name it will have, `schema` the name of the JSON schema beside it.
    """
    space = fitting_space(answers.data, answers.target, answers.packed_kb)
    images = answers.data.training_images
    size = budget(answers.minutes, images, space.macs, os.cpu_count() or 1)
    parts = [
        _head(answers, file, schema),
        _data(answers.data),
        _processor(answers),
        _space(space),
        _quantization(space),
        _sensitivity(size),
        _search(size),
        _reward(answers, space),
        _training(size),
    ]
    text = "\n".join(parts)
    StudyConfig.from_text(text, source="the new study file")
    return text


def _head(answers: Answers, file: str, schema: str) -> str:
    return (
        f"# yaml-language-server: $schema={schema}\n"
        "\n"
        f"# A study for some {_number(answers.minutes)} minutes. Every line may be changed;\n"
        "# docs/study-file.md tells of all keys.\n"
        f"#   bitwright search {file} --dry-run   says what it would do, and for how long\n"
        f"#   bitwright search {file}             does it\n"
    )


def _data(data: Glimpse) -> str:
    holdout = 0.2 if data.training_images < FEW_IMAGES else 0.1
    return (
        f"# {data}\n"
        "data:\n"
        f"  name: {_flow(data.name)}\n"
        f"  holdout: {holdout} # the part of the training images that candidates are judged on\n"
        "  augment:\n"
        "    flip: false # true where a mirrored picture is still of its class\n"
        f"    shift: {min(4, data.smaller_side // 16)} # pixels that training images are moved by\n"
    )


def _processor(answers: Answers) -> str:
    text = f"target: {_flow(answers.target)} # the processor that networks are exported for\n"
    if is_small(answers.data):
        text += "threads: 1 # for training: such small images keep no second core busy\n"
    return text


def _space(space: FittingSpace) -> str:
    text = (
        "# The structures to choose from; `bitwright space` prints them.\n"
        "space:\n"
        f"  template: {space.template}\n"
    )
    if space.override:
        text += "  override: # fits the template to these images and limits\n"
        text += "".join(f"    {name}: {_flow(keys)}\n" for name, keys in space.override.items())
    return text


def _quantization(space: FittingSpace) -> str:
    return (
        "quantization:\n"
        "  mode: joint # each unit takes one of these for its weights and one for activations\n"
        f"  weights: {_listed(space.methods['weight'])}\n"
        f"  activations: {_listed(space.methods['activation'])}\n"
    )


def _sensitivity(size: Budget) -> str:
    if size.sensitivity_epochs is None:
        return (
            "sensitivity:\n"
            "  enabled: false # with more time: measures first which methods hurt, and drops them\n"
        )
    return (
        "# Measured before the search: methods that lose more than the threshold are dropped.\n"
        "sensitivity:\n"
        "  threshold: 0.1\n"
        f"  epochs: {_number(size.sensitivity_epochs)}\n"
        "  images: 1000\n"
        "  tune_steps: 5\n"
    )


def _search(size: Budget) -> str:
    tournament = max(2, size.population // 3)
    return (
        "search:\n"
        "  controller: evolution # or recurrent, random\n"
        f"  options: {{batch: {BATCH}, population: {size.population}, tournament: {tournament}}}\n"
        f"  iterations: {size.iterations} # of {BATCH} candidates each\n"
        f"  minutes: {_number(size.search_minutes)} # with sensitivity: may end it earlier\n"
        "  seed: 0\n"
    )


def _reward(answers: Answers, space: FittingSpace) -> str:
    packed = _number(answers.packed_limit or space.packed_bytes)
    text = (
        "# accuracy x (packed bytes / reference)^-weight: a network of half the size may lose\n"
        "# some 1.4 % of its accuracy\n"
        "reward:\n"
        "  transform: exponential\n"
        "  metrics:\n"
        "    accuracy: {weight: 1.0}\n"
        f"    packed_bytes: {{weight: 0.02, reference: {packed}}}\n"
    )
    limits = {"packed_bytes": answers.packed_limit, "latency_ms": answers.latency_ms}
    if answers.latency_ms is not None:
        text += f"    latency_ms: {{weight: 0.02, reference: {_number(answers.latency_ms)}}}\n"
    own = [name for name in kind_of(answers.target)[0].metrics if name not in EVERYWHERE]
    if own:
        text += f"    # the target gives {', '.join(own)} too\n"
    told = ", ".join(f"{name}: {_number(at)}" for name, at in limits.items() if at is not None)
    return text + f"\nlimits: {{{told}}} # no candidate may exceed them\n"


def _training(size: Budget) -> str:
    images = f", images: {size.images}" if size.images is not None else ""
    common = "batch: 64, learning_rate: 0.01"
    return (
        "# Each candidate's training, then the winner's (and the 8-bit baseline's beside it).\n"
        f"train: {{epochs: {_number(size.epochs)}{images}, {common}}}\n"
        f"final: {{epochs: {_number(size.final_epochs)}, {common}}}\n"
    )


def _listed(methods: tuple[str, ...]) -> str:
    return f"[{', '.join(methods)}]"


def _number(value: float) -> str:
    """As YAML reads it back: whole without a fraction, and never 1e+06, which is a text there."""
    return str(int(value)) if value == int(value) else _flow(value)


def _flow(value: Any) -> str:
    """The value in YAML, on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("...\n").strip()
