"""The plan of the arena: what lives together lies apart."""

from hypothesis import given
from hypothesis import strategies as st

from bitwright.export.c.arena import ALIGNMENT, Block, plan

SPANS = st.tuples(st.integers(1, 500), st.integers(0, 12), st.integers(0, 12))


def blocks_of(spans: list[tuple[int, int, int]]) -> list[Block]:
    return [Block(str(at), size, min(a, b), max(a, b)) for at, (size, a, b) in enumerate(spans)]


@given(st.lists(SPANS, max_size=20))
def test_no_two_that_live_together_overlap(spans: list[tuple[int, int, int]]) -> None:
    blocks = blocks_of(spans)
    found = plan(blocks)
    for block in blocks:
        start = found.offsets[block.name]
        assert start >= 0 and start % ALIGNMENT == 0
        assert start + block.size_bytes <= found.size_bytes
        for other in blocks:
            together = other.first <= block.last and block.first <= other.last
            if other is not block and together:
                apart = (
                    found.offsets[other.name] >= start + block.size_bytes
                    or found.offsets[other.name] + other.size_bytes <= start
                )
                assert apart, f"{block} and {other} at {start}, {found.offsets[other.name]}"


@given(st.lists(SPANS, min_size=1, max_size=20))
def test_it_is_between_what_lives_at_once_and_the_sum(spans: list[tuple[int, int, int]]) -> None:
    blocks = blocks_of(spans)
    padded = [-(-block.size_bytes // ALIGNMENT) * ALIGNMENT for block in blocks]
    alive = [
        sum(size for size, b in zip(padded, blocks, strict=True) if b.first <= step <= b.last)
        for step in range(13)
    ]
    assert max(alive) <= plan(blocks).size_bytes <= sum(padded)


def test_a_chain_takes_its_largest_pair() -> None:
    sizes = [64, 256, 128, 32]
    blocks = [Block(str(at), size, at, at + 1) for at, size in enumerate(sizes)]
    assert plan(blocks).size_bytes == 256 + 128


def test_nothing_takes_nothing() -> None:
    assert plan([]).size_bytes == 0
