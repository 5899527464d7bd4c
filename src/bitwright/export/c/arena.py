"""Where a network's maps lie in one block of memory: those never alive at once share their bytes.

Greedy by size (arXiv 2001.03288): the largest first, each in the lowest gap that is free for as
long as it lives.
"""

import dataclasses
from collections.abc import Sequence

ALIGNMENT = 4  # bytes: kernels read words


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Bytes that are needed from step `first` to step `last`, inclusive."""

    name: str
    size_bytes: int
    first: int
    last: int


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """Each block's first byte by name, and the bytes of the whole."""

    offsets: dict[str, int]
    size_bytes: int


def plan(blocks: Sequence[Block]) -> Plan:
    """Places blocks so that no two that live at the same step overlap.

    >>> plan([Block("a", 8, 0, 1), Block("b", 6, 1, 2), Block("c", 8, 2, 3)])
    Plan(offsets={'a': 0, 'c': 0, 'b': 8}, size_bytes=16)
    """
    offsets: dict[str, int] = {}
    placed: list[Block] = []
    size = 0
    for block in sorted(blocks, key=lambda block: (-block.size_bytes, block.first, block.name)):
        beside = sorted(
            (offsets[other.name], _aligned(other.size_bytes))
            for other in placed
            if other.first <= block.last and block.first <= other.last
        )
        at = 0
        for start, length in beside:
            if at + block.size_bytes <= start:
                break
            at = max(at, start + length)
        offsets[block.name] = at
        placed.append(block)
        size = max(size, at + _aligned(block.size_bytes))
    return Plan(offsets, size)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
