"""The network of a study's own space that computes the most: what its teacher is built like."""

from collections.abc import Callable, Mapping

from bitwright.config import StageConfig
from bitwright.errors import InvalidGenome, SpaceError
from bitwright.graph import Shape
from bitwright.measure.cost import costs
from bitwright.quant.spec import Method
from bitwright.records import Blueprint, Choice, Pick
from bitwright.space.joint import JointSpace, MethodSpace, expand

FULL = Method("none", 32, per_channel=False)


def largest(stages: tuple[StageConfig, ...], input_shape: Shape, classes: int) -> Blueprint:
    """The widest and deepest network of the stages, in full precision.

    Question by question, the answer that leads to the most multiplications, later questions
    answered by their last option; only of strides the largest, since a halved map costs a quarter.
    """
    methods = MethodSpace((FULL,), (FULL,))
    space = JointSpace(stages, methods, input_shape=input_shape, classes=classes)
    picks: dict[str, Pick] = {}

    def answer(choice: Choice) -> Pick:
        picks[choice.path] = _answer(space, choice, picks)
        return picks[choice.path]

    return space.decode(space.fill(answer))


def _answer(space: JointSpace, choice: Choice, picks: Mapping[str, Pick]) -> Pick:
    """The answer to take after `picks`; what leads to no network is left out."""
    macs: dict[Pick, int] = {}
    for option in choice.options:
        found = _macs(space, {**picks, choice.path: option})
        if found is not None:
            macs[option] = found
    if not macs:
        raise SpaceError(
            f"the space gives no teacher: no answer to '{choice.path}' leads to a network; name a "
            "file as distill.teacher, or set distill.where to nowhere"
        )
    if choice.path.endswith("/stride"):
        return max(macs, key=float)
    return max(macs, key=lambda option: macs[option])


def _macs(space: JointSpace, picks: Mapping[str, Pick]) -> int | None:
    """Multiplications of a network that begins with `picks`; None where none does."""
    for later in (-1, 0):
        try:
            genome = space.fill(_answers(picks, later))
        except InvalidGenome:
            continue
        return costs(expand(space.decode(genome)))["macs"]
    return None


def _answers(picks: Mapping[str, Pick], later: int) -> Callable[[Choice], Pick]:
    """Answers with the picks, and further questions with their option number `later`."""
    return lambda choice: picks.get(choice.path, choice.options[later])
