"""The live view on 80 columns: on a clock of the test's own, and on a real terminal."""

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bitwright.cli.live import LiveWatcher, PlainWatcher, TerminalWatcher, watcher
from bitwright.execute.base import Job
from bitwright.records import Genome, Measurement, Outcome, UnitSpec
from bitwright.study.session import run, view
from bitwright.study.watch import Plan

WIDTH = 80


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outcome(number: int, reward: float, *, state: Any = "complete", seconds: float = 3) -> Outcome:
    return Outcome(
        number,
        number // 2,
        Genome("space"),
        state,
        reward,
        metrics=(("accuracy", Measurement(0.9)), ("packed_bytes", Measurement(5000.0))),
        units=(UnitSpec("stem/0", "conv", (("width", 8), ("stride", 1), ("kernel", 3))),),
        reason=None if state == "complete" else "packed_bytes 9000 is over the limit 8000",
        seconds=(("train", seconds),),
    )


def frame(live: LiveWatcher) -> str:
    """What stands on the terminal now."""
    console = Console(file=io.StringIO(), width=WIDTH, force_terminal=True, color_system=None)
    console.print(live._render())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= WIDTH for line in text.splitlines())
    return str(text)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(clock: Clock) -> LiveWatcher:
    return LiveWatcher(Console(file=io.StringIO(), width=WIDTH, force_terminal=True), clock)


def test_it_shows_bar_time_left_iteration_reward_best_and_the_last_candidates(
    live: LiveWatcher, clock: Clock
) -> None:
    live.phase("data", "digits")
    assert "loading data digits" in frame(live)
    live.planned(Plan("mine", 10, 2, None, 5, 25), ())
    live.phase("search")
    live.trial_started(Job(0, 0, Genome("space"), 1))
    live.trial_progress(Job(0, 0, Genome("space"), 1), 3, 10, 1.25)
    shown = frame(live)
    assert "candidate 0" in shown and "loss 1.250" in shown and "0 of 20" in shown
    for number, reward in enumerate((0.5, 0.7, 0.6)):
        clock.now += 4
        state = "infeasible" if number == 2 else "complete"
        live.trial_done(outcome(number, reward, state=state))
    shown = frame(live)
    assert "3 of 20" in shown
    assert "1:08" in shown, "17 trials of 4 seconds"
    assert "iteration 1   reward 0.6000   best 0.7000 (trial 1, 90.00 % held out)" in shown
    assert shown.index("Last candidates") < shown.index("iteration") < shown.index("3 of 20")
    words = " ".join(shown.split())
    assert "infeas." in words and "c3:8" in words and "packed_bytes 9000 is over" in words


def test_every_candidate_at_work_has_its_bar(live: LiveWatcher) -> None:
    live.planned(Plan("mine", 10, 4, None, 5, 25, workers=2), ())
    live.phase("search")
    jobs = [Job(number, 0, Genome("space"), 1) for number in range(3)]
    for job in jobs[:2]:
        live.trial_started(job)
        live.trial_progress(job, job.number + 3, 10, job.number + 1.25)
    shown = frame(live)
    assert "candidate 0" in shown and "loss 1.250" in shown
    assert "candidate 1" in shown and "loss 2.250" in shown
    live.trial_lost(jobs[1], "was killed by SIGKILL")
    live.trial_started(jobs[1])
    shown = frame(live)
    assert shown.count("candidate 1") == 1 and "loss 2.250" not in shown
    live.trial_done(outcome(0, 0.5))
    live.trial_started(jobs[2])
    shown = frame(live)
    assert "candidate 0" not in shown and "candidate 2" in shown
    live.phase("final")
    assert "candidate" not in frame(live).split("training the winner")[1]
    assert isinstance(live.console.file, io.StringIO)
    assert "trial 1: its worker was killed by SIGKILL" in live.console.file.getvalue()


def test_the_time_limit_bounds_the_time_left(live: LiveWatcher, clock: Clock) -> None:
    live.planned(Plan("mine", 1000, 1, 1.0, 5, 25), ())
    live.phase("search")
    clock.now += 10
    live.trial_done(outcome(0, 0.5, seconds=10))
    assert "0:50" in frame(live)


def test_workers_share_the_time_limit(live: LiveWatcher, clock: Clock) -> None:
    live.planned(Plan("mine", 1000, 1, 1.0, 5, 25, workers=2), ())
    live.phase("search")
    clock.now += 10
    live.trial_done(outcome(0, 0.5, seconds=10))
    assert "0:55" in frame(live)


def test_a_resumed_study_is_timed_by_its_new_trials(live: LiveWatcher, clock: Clock) -> None:
    live.planned(Plan("mine", 10, 1, None, 5, 25), tuple(outcome(n, 0.5) for n in range(6)))
    live.phase("search")
    assert "6 of 10" in frame(live) and "--:--" in frame(live)
    clock.now += 7
    live.trial_done(outcome(6, 0.4))
    assert "7 of 10" in frame(live) and "0:21" in frame(live)


def test_only_so_many_candidates_are_shown(live: LiveWatcher) -> None:
    live.planned(Plan("mine", 50, 1, None, 5, 25), ())
    for number in range(20):
        live.trial_done(outcome(number, 0.5))
    numbers = re.findall(r"^ ?(\d+) +\d+  ok", frame(live), re.MULTILINE)
    assert numbers == [str(number) for number in range(14, 20)]


class Photographer(LiveWatcher):
    """Keeps what stands on the terminal when a part begins."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.frames: list[str] = []

    def phase(self, name: str, detail: str = "") -> None:
        super().phase(name, detail)
        self.frames.append(frame(self))


def test_a_real_study_is_drawn_without_errors(config: Any, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=WIDTH, force_terminal=True, color_system=None)
    live = Photographer(console)
    study = config(
        baseline=True,
        quantization={"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]},
        sensitivity={"epochs": 0.5, "images": 50, "tune_steps": 1, "keep": 1},
    )
    with live.shown():
        run(study, tmp_path / "study", live)
    for words, shown in zip(
        ("loading data", "measuring", "searching", "the winner", "the baseline", "the report"),
        live.frames,
        strict=True,
    ):
        assert words in shown
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "removed from the space: conv weight" in text
    assert "Last candidates" in text
    assert "4 of 4" not in live.frames[-1], "the upper bar is gone when the search is over"


def test_the_watcher_fits_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(watcher(quiet=True)) is TerminalWatcher
    assert type(watcher(quiet=False)) is PlainWatcher
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert type(watcher(quiet=False)) is LiveWatcher


def test_ctrl_c_on_a_real_terminal(program: Any, tmp_path: Path) -> None:
    """The program on a pseudo-terminal, and the very byte that Ctrl-C sends."""
    file = program.study(search__iterations=500)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bitwright", "search", file],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "LINES": "30", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_the_terminal,
    )
    os.close(theirs)
    shown = ""
    deadline = time.monotonic() + 120
    sent = False
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(ours, 65536).decode(errors="replace")
        except OSError:  # the program has closed its end
            break
        if not sent and re.search(r"[5-9] of 1000", shown):
            os.write(ours, b"\x03")
            sent = True
    os.close(ours)
    assert process.wait(timeout=60) == 3, shown[-3000:]
    assert "Traceback" not in shown
    assert "Last candidates" in shown and "best 0." in shown
    assert "Go on with: bitwright search study.yaml" in shown
    assert view(tmp_path / "runs/study").stopped_by == "user"


def _take_the_terminal() -> None:
    """Makes stdin the new session's terminal, so that Ctrl-C on it reaches the program."""
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
