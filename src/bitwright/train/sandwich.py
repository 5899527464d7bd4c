"""Which networks of a supernet learn in a step (the sandwich rule, arXiv 1903.05134).

The largest and the smallest bound what all others can do; some are drawn between them. Kinds of
unit and strides have no order: they are drawn in each.
"""

import numpy as np

from bitwright.control.operators import draw, first_valid, is_policy, sample, walk
from bitwright.quant.spec import Method
from bitwright.records import Blueprint, Choice, Genome, Pick
from bitwright.space.joint import JointSpace

UNORDERED = ("kind", "stride")


def sandwich(space: JointSpace, between: int, rng: np.random.Generator) -> tuple[Blueprint, ...]:
    """The largest network first, then `between` drawn ones, then the smallest."""
    genomes = [extreme(space, rng, largest=True)]
    genomes += [sample(space, rng) for _ in range(between)]
    genomes.append(extreme(space, rng, largest=False))
    return tuple(space.decode(genome) for genome in genomes)


def extreme(space: JointSpace, rng: np.random.Generator, *, largest: bool) -> Genome:
    """A network whose every number and bit width is the largest there is, or the smallest."""
    choose = max if largest else min

    def decide(choice: Choice) -> Pick:
        if choice.path.rpartition("/")[2] in UNORDERED:
            return draw(choice, rng)
        size = choose(_size(choice.path, option) for option in choice.options)
        alike = (option for option in choice.options if _size(choice.path, option) == size)
        return draw(Choice(choice.path, tuple(alike)), rng)

    return first_valid(space, lambda: walk(space, decide))


def _size(path: str, option: Pick) -> float:
    """What options are ordered by; names have no order."""
    if is_policy(path):
        return Method.parse(str(option)).bits
    return 0.0 if isinstance(option, str) else float(option)
