"""Who measures is alone: real processes at one gate."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bitwright.errors import InfeasibleError
from bitwright.execute.gate import FileGate
from bitwright.execute.place import Place

PROCESS = """
import json, os, sys, time
from bitwright.execute.gate import FileGate

gate = FileGate(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT))
measuring, hold_s = int(sys.argv[2]), float(sys.argv[3])
steps, measured = [], []
with gate.entered():
    for step in range(60):
        if gate.contested():
            gate.give_way()
        start = time.monotonic()
        time.sleep(0.002)
        steps.append((start, time.monotonic()))
        if step < 20 * measuring and step % 20 == 10:
            with gate.alone():
                start = time.monotonic()
                print("alone", file=sys.stderr, flush=True)
                time.sleep(hold_s)
                measured.append((start, time.monotonic()))
print(json.dumps([steps, measured]))
"""


def started(file: Path, measuring: int, hold_s: float = 0.03) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(file), str(measuring), str(hold_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_while_one_measures_nobody_else_computes(tmp_path):
    processes = [started(tmp_path / "gate", measuring) for measuring in (0, 3, 3)]
    found = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [len(measured) for _, measured in found] == [0, 3, 3]
    for at, (_, measured) in enumerate(found):
        others = [part for other, parts in enumerate(found) if other != at for part in parts]
        for start, end in measured:
            for begin, finish in (interval for part in others for interval in part):
                assert finish <= start or end <= begin, "somebody computed meanwhile"


def test_who_is_killed_while_measuring_does_not_stop_the_others(tmp_path):
    victim = started(tmp_path / "gate", 1, hold_s=600)
    assert victim.stderr is not None
    assert victim.stderr.readline() == "alone\n"
    other = started(tmp_path / "gate", 0)
    time.sleep(0.3)
    assert other.poll() is None, "it went in while another was alone"
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    steps, _ = json.loads(other.communicate(timeout=60)[0])
    assert len(steps) == 60


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Busy(FileGate):
    """A gate at which one waits for 100 seconds of the clock."""

    def __init__(self, clock):
        super().__init__(os.open("/dev/null", os.O_RDWR))
        self.clock, self.busy = clock, True

    def contested(self):
        return self.busy

    def give_way(self):
        self.clock.now += 100
        self.busy = False


def test_a_trial_ends_when_its_own_time_is_up_without_what_it_waited():
    clock = Clock()
    place = Place(gate=Busy(clock), limit_s=90, clock=clock)
    clock.now = 50
    place.between_steps()
    clock.now += 39
    place.between_steps()
    clock.now += 2
    with pytest.raises(InfeasibleError, match=r"more than 1.5 minutes \(search.trial_minutes\)"):
        place.between_steps()
