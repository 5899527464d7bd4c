"""Sampling, mutation and crossover of genomes, on any space and without knowing it.

All operators rebuild the genome decision by decision, so decisions that hang under a pick appear
and vanish with it. Each returns a genome that decodes, or raises SpaceError after a bounded number
of tries.
"""

from collections.abc import Callable, Container
from typing import Literal, Protocol

import numpy as np

from bitwright.control.base import Space, check_space
from bitwright.errors import InvalidGenome, SpaceError
from bitwright.records import Choice, Genome, Pick

Part = Literal["all", "structure", "policy"]
TRIES = 200  # random genomes to try before a space is said to hold none that decodes
FRESH_TRIES = 16  # candidates to draw before an evaluated one is proposed again


def is_policy(path: str) -> bool:
    """Whether a decision picks a unit's quantization method rather than its structure."""
    return path.rpartition("/")[2] in ("weight", "activation")


def belongs(path: str, part: Part) -> bool:
    """Whether a decision is of that part of the genome."""
    return part == "all" or is_policy(path) == (part == "policy")


def slot(path: str) -> str:
    """The place a decision belongs to, which crossover takes from one parent as a whole.

    >>> slot("body/0/kernel"), slot("body/0/conv/weight"), slot("body/depth"), slot("stem/width")
    ('body/0', 'body/0', 'body', 'stem')
    """
    parts = path.split("/")
    numbered = [index for index, name in enumerate(parts) if name.isdigit()]
    return "/".join(parts[: numbered[-1] + 1] if numbered else parts[:-1])


def draw(choice: Choice, rng: np.random.Generator) -> Pick:
    """One of the options, all equally likely."""
    return choice.options[int(rng.integers(len(choice.options)))]


def walk(space: Space, decide: Callable[[Choice], Pick]) -> Genome:
    """The complete genome that comes of answering every decision."""
    genome = Genome(space.space_id)
    while (choice := space.next_choice(genome)) is not None:
        if not choice.options:
            raise SpaceError(f"'{choice.path}' has no option left; widen the space or its filters")
        genome = genome.with_pick(choice.path, decide(choice))
    return genome


def choices(space: Space, genome: Genome) -> tuple[Choice, ...]:
    """The decisions along a genome, with the options each one offered there."""
    check_space(space, genome)
    picks = genome.as_dict()
    met: list[Choice] = []

    def repeat(choice: Choice) -> Pick:
        met.append(choice)
        if choice.path not in picks:
            raise SpaceError(f"the genome has no pick for '{choice.path}'; it is of another space")
        return picks[choice.path]

    walk(space, repeat)
    return tuple(met)


def movable(space: Space, genome: Genome, part: Part = "all") -> tuple[str, ...]:
    """The paths of that part along the genome where another pick is possible."""
    return tuple(
        choice.path
        for choice in choices(space, genome)
        if len(choice.options) > 1 and belongs(choice.path, part)
    )


def sample(space: Space, rng: np.random.Generator) -> Genome:
    """A genome whose every pick is uniform among its options."""
    return first_valid(space, lambda: walk(space, lambda choice: draw(choice, rng)))


def sample_alike(space: Space, rng: np.random.Generator) -> Genome:
    """A genome of uniform structure with one method for all weights and one for all activations.

    Each is drawn where the first unit chooses; a unit that does not offer it draws its own.
    """

    def attempt() -> Genome:
        methods: dict[str, Pick] = {}

        def decide(choice: Choice) -> Pick:
            pick = draw(choice, rng)
            if not is_policy(choice.path):
                return pick
            common = methods.setdefault(choice.path.rpartition("/")[2], pick)
            return common if common in choice.options else pick

        return walk(space, decide)

    return first_valid(space, attempt)


def mutate(
    space: Space,
    genome: Genome,
    rng: np.random.Generator,
    *,
    rate: float = 0.0,
    part: Part = "all",
) -> Genome:
    """The genome with some picks changed: each with probability `rate`, and always at least one.

    Only decisions of `part` change by themselves; what no longer applies is dropped, what newly
    appears is drawn, all other picks stay. Where the part holds nothing that can change, the
    genome is returned as it is.
    """
    paths = movable(space, genome, part)
    if not paths:
        return genome
    old = genome.as_dict()

    def attempt() -> Genome:
        turned = rng.random(len(paths)) < rate
        targets = {path for path, turn in zip(paths, turned, strict=True) if turn}
        targets = targets or {paths[int(rng.integers(len(paths)))]}

        def decide(choice: Choice) -> Pick:
            kept = old.get(choice.path)
            if choice.path in targets:
                others = tuple(option for option in choice.options if option != kept)
                return draw(Choice(choice.path, others or choice.options), rng)
            return kept if kept is not None and kept in choice.options else draw(choice, rng)

        return walk(space, decide)

    return first_valid(space, attempt)


def crossover(space: Space, a: Genome, b: Genome, rng: np.random.Generator) -> Genome:
    """A child that takes each slot from one parent or the other, by the toss of a coin.

    Where the donor has no fitting pick the other parent's serves, then a random one.
    """
    check_space(space, a, b)
    parents = (a.as_dict(), b.as_dict())

    def attempt() -> Genome:
        donors: dict[str, int] = {}

        def decide(choice: Choice) -> Pick:
            donor = donors.setdefault(slot(choice.path), int(rng.integers(2)))
            for parent in (parents[donor], parents[1 - donor]):
                pick = parent.get(choice.path)
                if pick is not None and pick in choice.options:
                    return pick
            return draw(choice, rng)

        return walk(space, decide)

    return first_valid(space, attempt)


class Breeding(Protocol):
    """How children come about; all three are chances."""

    @property
    def crossover(self) -> float:
        """Of a second parent."""
        ...

    @property
    def policy(self) -> float:
        """That a mutation changes the policy rather than the structure."""
        ...

    @property
    def rate(self) -> float:
        """Of each further change in a mutation."""
        ...


def breed(
    space: Space, parent: Callable[[], Genome], rng: np.random.Generator, chances: Breeding
) -> Genome:
    """A child of one parent or two, mutated in its policy or in its structure.

    Where nothing of that part can change (a fixed policy, a fixed structure) all of it may.
    """
    child = parent()
    if rng.random() < chances.crossover:
        child = crossover(space, child, parent(), rng)
    part: Part = "policy" if rng.random() < chances.policy else "structure"
    if not movable(space, child, part):
        part = "all"
    return mutate(space, child, rng, rate=chances.rate, part=part)


def fresh(propose: Callable[[], Genome], seen: Container[Genome]) -> Genome:
    """The first proposal that was not evaluated yet; the last one where a few tries find none."""
    genome = propose()
    for _ in range(FRESH_TRIES):
        if genome not in seen:
            break
        genome = propose()
    return genome


def first_valid(space: Space, attempt: Callable[[], Genome]) -> Genome:
    """The first attempt that decodes; SpaceError with the last reason after too many."""
    reason = ""
    for _ in range(TRIES):
        try:
            genome = attempt()
            space.decode(genome)
        except InvalidGenome as error:
            reason = str(error)
        else:
            return genome
    raise SpaceError(
        f"none of {TRIES} genomes of space '{space.space_id}' decodes to a network; "
        f"the last: {reason}; widen the space"
    )
