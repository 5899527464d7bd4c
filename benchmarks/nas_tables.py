"""Search spaces whose every candidate was trained and measured by others: rewards by look-up.

Three tables on NAS-Bench-201 cells (arXiv 2001.00326): six edges, each with one of five
operations, CIFAR-10. The files lie in the folder `nas` of the data folder.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bitwright.control.reward import Reward, Term
from bitwright.errors import DataError, InvalidGenome
from bitwright.records import Blueprint, Choice, Genome, Measurement, Outcome, Pick, UnitSpec

EDGES = 6
OPERATIONS = {"0": "none", "1": "skip", "2": "conv1x1", "3": "conv3x3", "4": "avgpool3x3"}
STAGE_WIDTHS = (16, 32, 64)
CELLS_PER_STAGE = 5
LATENCY = "lat_ms_pi5_litert_cifar100"  # Raspberry Pi 5, LiteRT, images of 32x32
MODES = {"full": "anb_c10_baseline", "ptq": "anb_c10_ptq", "qat": "anb_c10_qat"}
Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class _Node:
    """The decision that is due after some picks, and where each option leads."""

    path: str = ""
    nexts: dict[Pick, "_Node"] = dataclasses.field(default_factory=dict)


class TableSpace:
    """A space that holds exactly the candidates of a table: a tree of its decisions.

    Options that lead to no candidate are not offered; a decision with one option is not asked.
    """

    def __init__(
        self, space_id: str, candidates: Mapping[tuple[tuple[str, Pick], ...], Metrics]
    ) -> None:
        self.space_id = space_id
        self._metrics = dict(candidates)
        self._root = _Node(next(iter(candidates))[0][0])
        options: dict[str, dict[Pick, None]] = {}
        for picks in candidates:
            node = self._root
            for position, (path, pick) in enumerate(picks):
                options.setdefault(path, {})[pick] = None
                following = picks[position + 1][0] if position + 1 < len(picks) else ""
                node = node.nexts.setdefault(pick, _Node(following))
        self._declared = tuple(
            Choice(path, tuple(sorted(found, key=_rank)))
            for path, found in options.items()
            if len(found) > 1
        )

    def __len__(self) -> int:
        return len(self._metrics)

    def next_choice(self, genome: Genome) -> Choice | None:
        """The next decision with more than one option."""
        node, whole = self._follow(genome)
        return None if whole else Choice(node.path, tuple(sorted(node.nexts, key=_rank)))

    def declared(self) -> tuple[Choice, ...]:
        """Every decision that is ever asked."""
        return self._declared

    def decode(self, genome: Genome) -> Blueprint:
        """A blueprint in name only: nothing is built."""
        picks = self.candidate(genome)
        units = tuple(UnitSpec(path, str(pick)) for path, pick in picks)
        return Blueprint((3, 32, 32), 10, units, ())

    def candidate(self, genome: Genome) -> tuple[tuple[str, Pick], ...]:
        """All picks of a whole genome, those that were not asked too."""
        picks = tuple(self._walk(genome))
        if picks not in self._metrics:
            raise InvalidGenome(f"'{genome}' is no candidate of {self.space_id}")
        return picks

    def metrics(self, genome: Genome) -> Metrics:
        """What was measured of a whole genome."""
        return self._metrics[self.candidate(genome)]

    def all_metrics(self) -> Iterator[Metrics]:
        """What was measured of every candidate."""
        return iter(self._metrics.values())

    def _walk(self, genome: Genome) -> Iterator[tuple[str, Pick]]:
        given, node = genome.as_dict(), self._root
        while node.nexts:
            pick = next(iter(node.nexts)) if len(node.nexts) == 1 else given.get(node.path)
            if pick not in node.nexts:
                return
            yield node.path, pick
            node = node.nexts[pick]

    def _follow(self, genome: Genome) -> tuple[_Node, bool]:
        node = self._root
        for _, pick in self._walk(genome):
            node = node.nexts[pick]
        return node, not node.nexts


def _rank(pick: Pick) -> tuple[bool, Any]:
    return isinstance(pick, str), pick


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A space with what is sought in it."""

    name: str
    space: TableSpace
    reward: Reward
    objectives: tuple[str, ...]  # what several-goal controllers look at

    def score(self, genome: Genome) -> float:
        """The reward of a candidate."""
        return self.reward.score(self.space.metrics(genome))

    def best(self) -> float:
        """The highest reward there is."""
        return max(map(self.reward.score, self.space.all_metrics()))

    def outcome(self, number: int, iteration: int, genome: Genome) -> Outcome:
        """What a trial of this candidate would have recorded."""
        metrics = self.space.metrics(genome)
        measured = tuple((name, Measurement(value)) for name, value in metrics.items())
        reward = self.reward.score(metrics)
        return Outcome(number, iteration, genome, "complete", reward, measured)


def accuracy_table(folder: Path) -> Table:
    """15,625 structures; the reward is the mean CIFAR-10 test accuracy of 1 to 3 trainings."""
    rows = _rows(folder / "nb201_devices.parquet", ("ops", "c10_test_mean"))
    found = {_structure(row["ops"]): {"accuracy": row["c10_test_mean"] / 100} for row in rows}
    space = TableSpace("nb201-accuracy", found)
    reward = Reward("linear", {"accuracy": Term()}, {})
    return Table("accuracy", space, reward, ("accuracy",))


def device_table(folder: Path) -> Table:
    """Structure x {full precision, post-training, quantization-aware}, with a device's latency.

    The latency is the structure's own in full precision, as measured; what quantization would save
    of it was not measured and is not made up.
    """
    rows = _rows(folder / "nb201_devices.parquet", ("ops", LATENCY, *MODES.values()))
    found = {
        (*_structure(row["ops"]), ("net/weight", mode)): {
            "accuracy": row[column] / 100,
            "latency_ms": row[LATENCY],
        }
        for row in rows
        for mode, column in MODES.items()
    }
    space = TableSpace("nb201-device", found)
    terms = {"accuracy": Term(), "latency_ms": Term(0.1, _quartile(found, "latency_ms"))}
    reward = Reward("hinge", terms, {})
    return Table("device", space, reward, ("accuracy", "latency_ms"))


def mixed_bits_table(folder: Path) -> Table:
    """A pool of 10,553 pairs of structure and bits per edge, trained for 50 epochs."""
    columns = ("ops", "weight_bits", "cifar10_acc_qat50")
    found = {}
    for row in _rows(folder / "nb201_mixed_bits.parquet", columns):
        picks: list[tuple[str, Pick]] = []
        for (path, operation), bits in zip(_structure(row["ops"]), row["weight_bits"], strict=True):
            picks += [(path, operation), (path.replace("/op", "/weight"), int(bits))]
        found[tuple(picks)] = {
            "accuracy": row["cifar10_acc_qat50"],
            "packed_bytes": packed_bytes(row["ops"], row["weight_bits"]),
        }
    space = TableSpace("nb201-mixed-bits", found)
    terms = {"accuracy": Term(), "packed_bytes": Term(0.1, _quartile(found, "packed_bytes"))}
    reward = Reward("hinge", terms, {})
    return Table("mixed_bits", space, reward, ("accuracy", "packed_bytes"))


TABLES: dict[str, Callable[[Path], Table]] = {
    "accuracy": accuracy_table,
    "device": device_table,
    "mixed_bits": mixed_bits_table,
}


TITLES = {
    "accuracy": "Structure; accuracy alone",
    "device": "Structure x quantization; accuracy within a latency",
    "mixed_bits": "A pool of structure x bits; accuracy within a size",
}


def packed_bytes(operations: str, bits: str) -> float:
    """The bytes of a network's cells, with stem and classifier at 8 bits, as NB201 builds them."""
    total = 8 * (3 * 9 * STAGE_WIDTHS[0] + STAGE_WIDTHS[-1] * 10)
    for width in STAGE_WIDTHS:
        for operation, edge_bits in zip(operations, bits, strict=True):
            taps = {"conv1x1": 1, "conv3x3": 9}.get(OPERATIONS[operation], 0)
            total += CELLS_PER_STAGE * width * width * taps * int(edge_bits)
    return total / 8


def _quartile(candidates: Mapping[Any, Metrics], name: str) -> float:
    """What a quarter of the candidates keep to: a budget worth searching for."""
    return sorted(metrics[name] for metrics in candidates.values())[len(candidates) // 4]


def _structure(operations: str) -> tuple[tuple[str, Pick], ...]:
    return tuple(
        (f"cell/{edge}/op", OPERATIONS[operation]) for edge, operation in enumerate(operations)
    )


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    from pyarrow import parquet

    if not path.exists():
        raise DataError(f"'{path}' is not there; name the data folder with --data")
    return list(parquet.read_table(path, columns=list(columns)).to_pylist())
