"""An interrupt waits for the database, and for nothing else."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitwright.study.interrupts import interrupts_wait
from bitwright.study.store import Store


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_is_raised_when_the_block_has_ended() -> None:
    finished = False
    with pytest.raises(KeyboardInterrupt), interrupts_wait():
        press_ctrl_c()
        press_ctrl_c()
        finished = True
    assert finished
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_blocks_in_blocks_wait_for_the_outermost() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt), interrupts_wait():
        with interrupts_wait():
            press_ctrl_c()
            seen.append("inner")
        seen.append("outer")
    assert seen == ["inner", "outer"]


def test_an_error_in_the_block_comes_through() -> None:
    with pytest.raises(ValueError, match="mine"), interrupts_wait():
        press_ctrl_c()
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    with interrupts_wait():
        pass


def test_other_threads_are_left_alone() -> None:
    seen = []

    def work() -> None:
        with interrupts_wait():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.parametrize("delay_ms", range(0, 40, 5))
def test_an_interrupt_at_any_moment_of_a_write_leaves_the_store_usable(
    delay_ms: int, tmp_path: Path
) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/study.db", "study")
    signal.signal(signal.SIGALRM, lambda number, frame: press_ctrl_c())
    signal.setitimer(signal.ITIMER_REAL, (delay_ms + 1) / 1000)
    written = 0
    with pytest.raises(KeyboardInterrupt):
        while True:
            store.put("count", written)
            written += 1
    assert store.get("count") in (written - 1, written, None)
    store.put("state", "interrupted")
    assert store.get("state") == "interrupted"
    store.close()
