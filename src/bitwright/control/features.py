"""What is known of a candidate before it is evaluated: its exact costs, and it in numbers."""

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bitwright.control.base import Space
from bitwright.control.operators import is_policy
from bitwright.errors import ConfigError
from bitwright.quant.spec import Method
from bitwright.records import Choice, Genome, Pick

Floats = npt.NDArray[np.float64]
Costs = Callable[[Genome], Mapping[str, float]]
REMEMBERED = 8192  # candidates
BETWEEN = 0.5  # the place of a decision that was not asked, among options from 0 to 1


@dataclasses.dataclass(frozen=True, slots=True)
class _Decision:
    """A decision as numbers: one for each option, and where options have an order, the place in it.

    A decision that was not asked is no option, and stands in the middle of the order.
    """

    path: str
    options: tuple[Pick, ...]
    places: Mapping[Pick, float]

    @classmethod
    def of(cls, choice: Choice) -> "_Decision":
        sizes = {option: _size(choice.path, option) for option in choice.options}
        known = sorted({size for size in sizes.values() if size is not None})
        if None in sizes.values() or len(known) < 2:
            return cls(choice.path, choice.options, {})
        places = {o: known.index(s) / (len(known) - 1) for o, s in sizes.items() if s is not None}
        return cls(choice.path, choice.options, places)

    def numbers(self, pick: Pick | None) -> list[float]:
        found = [float(pick == option) for option in self.options]
        if self.places:
            found += [BETWEEN if pick is None else self.places[pick], float(pick is not None)]
        return found


class Features:
    """Costs and descriptions of the candidates of one space.

    `costs` gives the metrics of a genome that are exact before any training. A description holds,
    for every decision that can occur, its pick; and in sum, how often each option is picked
    wherever it may be, and the logarithms of the costs. `weights` make the two halves equal.
    """

    def __init__(self, space: Space, costs: Costs) -> None:
        self._decisions = tuple(_Decision.of(choice) for choice in space.declared())
        self._counted = tuple(
            dict.fromkeys((_leaf(d.path), option) for d in self._decisions for option in d.options)
        )
        self.costs = functools.lru_cache(maxsize=REMEMBERED)(costs)
        self._row = functools.lru_cache(maxsize=REMEMBERED)(self._described)

    def weights(self, rows: Floats) -> Floats:
        """How much each column of the rows (N, F) counts, so that both halves count as much."""
        single = sum(len(decision.numbers(None)) for decision in self._decisions)
        sums = rows.shape[1] - single
        parts = np.repeat([0.5 / max(1, single), 0.5 / max(1, sums)], [single, sums])
        weights: Floats = np.sqrt(parts)
        return weights

    def __call__(self, genomes: Sequence[Genome]) -> Floats:
        """The genomes in numbers, one row for each."""
        return np.stack([self._row(genome) for genome in genomes])

    def _described(self, genome: Genome) -> Floats:
        picks = genome.as_dict()
        numbers: list[float] = []
        for decision in self._decisions:
            numbers += decision.numbers(picks.get(decision.path))
        met = Counter((_leaf(path), pick) for path, pick in genome.picks)
        numbers += [met[counted] for counted in self._counted]
        numbers += [math.log1p(value) for value in self.costs(genome).values()]
        return np.array(numbers)


def _leaf(path: str) -> str:
    """What is decided, wherever: "kernel" of "body/2/kernel"."""
    return path.rpartition("/")[2]


def _size(path: str, option: Pick) -> float | None:
    """What orders an option among others: a number itself, a method by its bits; None for names."""
    if not isinstance(option, str):
        return float(option)
    if is_policy(path):
        try:
            return float(Method.parse(option).bits)
        except ConfigError:
            return None
    return None
