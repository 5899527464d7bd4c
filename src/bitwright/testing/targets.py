"""The contract of a target as checks to run on one's own.

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_target(check):
        check(MyTarget())

Each check raises AssertionError with the law that was broken.
"""

import contextlib
import itertools
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bitwright.export import reference
from bitwright.export.integer import IntegerModel
from bitwright.export.runtime import load
from bitwright.quant.names import TRANSFORMS, refusal
from bitwright.quant.spec import ROLES, Method, Role
from bitwright.records import Blueprint, Measurement
from bitwright.space.joint import expand
from bitwright.targets.base import Target
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of

AGREEING = 0.95  # of the file's answers on random networks: kernels round ties in other ways


def answers_for_every_method(target: Target) -> None:
    """`supports` gives None or a reason, the same each time, and lets something through."""
    for role in ROLES:
        for method in _methods(role):
            first, second = (target.supports(method, role) for _ in range(2))
            assert first is None or (isinstance(first, str) and first), (
                f"{method}: supports gives None or the reason why not, it gave {first!r}"
            )
            assert first == second, f"{method}: two answers to one question"
        assert next(_supported(target, role), None), f"it runs no method for {role}s at all"


def says_what_it_lacks(target: Target) -> None:
    """`lacks` gives None or a reason, the same each time; what it lacks, no network needs."""
    weight, activation = next(_policies(target))
    graph = expand(_small(weight, activation))
    first, second = (target.lacks(graph) for _ in range(2))
    assert first == second, "lacks gives two answers to one question"
    assert first is None, f"it does not run a network of plain and residual convolutions: {first}"


def says_what_it_is_called(target: Target) -> None:
    """It has a name, and tells itself from others of that name the same way each time."""
    assert isinstance(target.name, str) and target.name, "a target has a name"
    assert isinstance(target.fingerprint, str), "a fingerprint is a text"
    assert target.fingerprint == pickle.loads(pickle.dumps(target)).fingerprint, (
        "a worker's target has another fingerprint"
    )


def ships_what_it_promises(target: Target) -> None:
    """A network of every width that it supports can be exported, and the file is there."""
    for weight, activation in _policies(target):
        with _exported(target, weight, activation) as (_, path):
            assert path.is_file() and path.stat().st_size, f"{weight}, {activation}: no file"


def keeps_the_metadata(target: Target) -> None:
    """What a file is told of itself can be read from it."""
    weight, activation = next(_policies(target))
    with _exported(target, weight, activation) as (_, path):
        assert load(path).metadata.get("study") == "contract", "the metadata is lost"


def computes_what_the_integer_model_does(target: Target) -> None:
    """The file's answers, as the target runs it, are those of the exact integer reference."""
    for weight, activation in _policies(target):
        with _exported(target, weight, activation) as (model, path):
            images = random_images(model.graph, 100, np.random.default_rng(1))
            expected = reference.run(model, images).argmax(1)
            found = target.load(path).logits(images)
            assert found.shape == (len(images), model.graph.output.shape[0]), "not (N, classes)"
            agreeing = (found.argmax(1) == expected).mean()
            assert agreeing >= AGREEING, f"{weight}, {activation}: {agreeing:.0%} of answers agree"


def measures_the_file(target: Target) -> None:
    """A measurement has all that is promised, latency and size of that very file among it."""
    weight, activation = next(_policies(target))
    assert {"latency_ms", "file_bytes"} <= set(target.metrics), (
        "latency_ms or file_bytes is missing"
    )
    with _exported(target, weight, activation) as (_, path):
        measured = target.measure(path)
        for name in target.metrics:
            assert isinstance(measured.get(name), Measurement), f"'{name}' was not measured"
        assert set(measured) <= set(target.metrics), "it measures more than its metrics name"
        assert measured["latency_ms"].value > 0, "a network takes time"
        assert measured["file_bytes"].value == path.stat().st_size, "file_bytes is not the file's"
        if not target.timed:
            again = {name: at.value for name, at in target.measure(path).items()}
            assert again == {name: at.value for name, at in measured.items()}, "it was timed"


def counts_what_it_measures(target: Target) -> None:
    """What it knows of a graph before there is a file is what it measures of the file."""
    for weight, activation in _policies(target):
        with _exported(target, weight, activation) as (model, path):
            counted = target.counted(model.graph)
            assert set(counted) <= set(target.metrics), "it counts more than its metrics name"
            measured = target.measure(path) if counted else {}
            for name, value in counted.items():
                assert value == measured[name].value, f"'{name}' was counted as another number"


def foretells_what_is_asked(target: Target) -> None:
    """Before there is a file it guesses only of what is needed, as metrics with their margins."""
    weight, activation = next(_policies(target))
    graph = expand(_small(weight, activation))
    assert target.foretold(graph, ()) == {}, "it foretells what nobody needs"
    found = target.foretold(graph, target.metrics)
    assert set(found) <= set(target.metrics), "it foretells more than its metrics name"
    for name, guess in found.items():
        assert guess.value > 0, f"'{name}' is foretold as {guess.value}"
        assert 0 <= guess.margin < 1, f"'{name}' has a margin of {guess.margin}; give a fraction"


CHECKS: Sequence[Callable[[Target], None]] = (
    answers_for_every_method,
    says_what_it_lacks,
    says_what_it_is_called,
    ships_what_it_promises,
    keeps_the_metadata,
    computes_what_the_integer_model_does,
    measures_the_file,
    counts_what_it_measures,
    foretells_what_is_asked,
)


def _methods(role: Role) -> Iterator[Method]:
    """Every method that there is for that role, and full precision."""
    for name, bits, grain in itertools.product(TRANSFORMS, range(1, 9), (False, True)):
        method = Method(name, bits, grain)
        if refusal(method, role) is None:
            yield method
    yield Method.parse("none:32")


def _supported(target: Target, role: Role) -> Iterator[Method]:
    for method in _methods(role):
        if method.quantized and target.supports(method, role) is None:
            yield method


def _policies(target: Target) -> Iterator[tuple[Method, Method]]:
    """A weight and an activation method of every width that the target runs."""
    weights, activations = (
        list({method.bits: method for method in _supported(target, role)}.values())
        for role in ROLES
    )
    for number in range(max(len(weights), len(activations))):
        yield weights[number % len(weights)], activations[number % len(activations)]


def _small(weight: Method, activation: Method) -> Blueprint:
    return blueprint_of(
        {"name": "stem", "width": 8},
        {"name": "body", "kinds": "residual", "width": 8},
        weight=str(weight),
        activation=str(activation),
    )


@contextlib.contextmanager
def _exported(
    target: Target, weight: Method, activation: Method
) -> Iterator[tuple[IntegerModel, Path]]:
    """A small network with random weights, and the target's file of it."""
    model = random_model(expand(_small(weight, activation)), np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        target.export(model, path, {"study": "contract"})
        yield model, path
