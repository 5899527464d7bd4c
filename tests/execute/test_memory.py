"""What is freed is given back."""

import ctypes
from pathlib import Path

import pytest

from bitwright.execute.memory import give_back

PIECES, PIECE = 4000, 16 << 10  # small enough to lie in the heap


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_holes_below_what_is_still_held_are_given_back():
    pieces = [bytes([1]) * PIECE for _ in range(PIECES)]
    last = pieces[-1]  # holds the end of the heap
    before = resident_bytes()
    pieces.clear()
    give_back()
    assert resident_bytes() < before - PIECES * PIECE // 2
    assert len(last) == PIECE
