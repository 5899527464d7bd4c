"""A small conditional space with a known reward, to try controllers on without training anything.

Decisions appear and vanish with the picks before them, options depend on earlier picks, and some
complete genomes name no network: everything that a controller has to cope with in a real space.
"""

import math

from bitwright.errors import InvalidGenome
from bitwright.quant.spec import Method, Site
from bitwright.records import Blueprint, Choice, Genome, Pick, Policy, UnitSpec

WEIGHTS = {
    "conv": ("lsq:2:channel", "lsq:4:channel", "lsq:8:channel"),
    "depthwise": ("lsq:4:channel", "lsq:8:channel"),  # as if a sensitivity filter took the 2 bits
}
ACTIVATIONS = ("lsq:4:tensor", "lsq:8:tensor")
KERNELS = (1, 3, 5)
POOL_SIZES = (2, 3)
MOST_POOLS = 2


class ToySpace:
    """Up to `depth` units: convolutions, depthwise ones with fewer methods, and pooling."""

    def __init__(self, depth: int = 4) -> None:
        self.depth = depth
        self.space_id = f"toy-{depth}"

    def next_choice(self, genome: Genome) -> Choice | None:
        """The first decision on the way that the genome has no pick for."""
        picks = genome.as_dict()
        position = 0
        while (choice := self._question(picks, position)) is not None:
            if choice.path not in picks:
                return choice
            if genome.picks[position] not in ((choice.path, option) for option in choice.options):
                raise InvalidGenome(
                    f"pick {position} is {genome.picks[position]} where {choice} is asked"
                )
            position += 1
        if position < len(genome.picks):
            raise InvalidGenome(
                f"picks are left over after the network is whole, from {position} on"
            )
        return None

    def declared(self) -> tuple[Choice, ...]:
        """Every decision, with the union of its options."""
        choices = [Choice("body/depth", tuple(range(1, self.depth + 1)))]
        for index in range(self.depth):
            unit = f"body/{index}"
            choices += [
                Choice(f"{unit}/kind", ("conv", "depthwise", "pool")),
                Choice(f"{unit}/size", POOL_SIZES),
                Choice(f"{unit}/kernel", KERNELS),
                Choice(f"{unit}/weight", WEIGHTS["conv"]),
                Choice(f"{unit}/activation", ACTIVATIONS),
            ]
        return tuple(choices)

    def decode(self, genome: Genome) -> Blueprint:
        """The units and their policy; more than two pools leave no image to look at."""
        missing = self.next_choice(genome)
        if missing is not None:
            raise InvalidGenome(f"the genome has no pick for '{missing.path}'")
        picks = genome.as_dict()
        units = tuple(self._unit(f"body/{i}", picks) for i in range(int(picks["body/depth"])))
        if sum(unit.kind == "pool" for unit in units) > MOST_POOLS:
            raise InvalidGenome(f"more than {MOST_POOLS} pools shrink an 8x8 image to nothing")
        policy: Policy = tuple(
            (Site(unit.path, role), Method.parse(str(picks[f"{unit.path}/{role}"]), role))
            for unit in units
            if unit.kind != "pool"
            for role in ("weight", "activation")
        )
        return Blueprint((1, 8, 8), 10, units, policy)

    def _question(self, picks: dict[str, Pick], position: int) -> Choice | None:
        """The decision at a position, given all picks before it."""
        if position == 0:
            return Choice("body/depth", tuple(range(1, self.depth + 1)))
        position -= 1
        for index in range(int(picks["body/depth"])):
            unit = f"body/{index}"
            asked = self._unit_questions(unit, picks.get(f"{unit}/kind"))
            if position < len(asked):
                return asked[position]
            position -= len(asked)
        return None

    def _unit_questions(self, unit: str, kind: Pick | None) -> tuple[Choice, ...]:
        first = Choice(f"{unit}/kind", ("conv", "depthwise", "pool"))
        if kind is None:
            return (first,)
        if kind == "pool":
            return (first, Choice(f"{unit}/size", POOL_SIZES))
        return (
            first,
            Choice(f"{unit}/kernel", KERNELS),
            Choice(f"{unit}/weight", WEIGHTS[str(kind)]),
            Choice(f"{unit}/activation", ACTIVATIONS),
        )

    def _unit(self, unit: str, picks: dict[str, Pick]) -> UnitSpec:
        names = ("size",) if picks[f"{unit}/kind"] == "pool" else ("kernel",)
        params = tuple((name, picks[f"{unit}/{name}"]) for name in names)
        return UnitSpec(unit, str(picks[f"{unit}/kind"]), params)


def toy_metrics(blueprint: Blueprint) -> dict[str, float]:
    """A made-up accuracy that saturates, and made-up costs.

    More and larger convolutions at more bits see more and cost more; depthwise ones are a bargain
    after the first unit; one early pool saves cost for all that follows.
    """
    seen, cost, area = 0.0, 0.0, 1.0
    for index, unit in enumerate(blueprint.units):
        if unit.kind == "pool":
            area /= unit.integer("size") ** 2
            seen *= 0.9
            continue
        kernel = unit.integer("kernel")
        weight = blueprint.method(unit.path, "weight").bits
        bits = min(weight, blueprint.method(unit.path, "activation").bits + 2)
        thin = unit.kind == "depthwise"
        value = (0.6 if thin and index else 0.15 if thin else 0.7) * math.log2(1 + kernel)
        seen += value * (1 - 2.0**-bits) * (1.2 if area < 1 else 1.0)
        cost += (0.25 if thin else 1.0) * kernel**2 * weight * area / 200
    return {
        "accuracy": 1 - math.exp(-0.7 * seen),
        "packed_bytes": 1000 * cost,
        "latency_ms": 0.1 * len(blueprint.units) + cost,
    }


def toy_reward(blueprint: Blueprint) -> float:
    """The made-up accuracy less the made-up cost; at most 1."""
    metrics = toy_metrics(blueprint)
    return metrics["accuracy"] - metrics["packed_bytes"] / 1000
