"""Worker processes: real ones, killed for real."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bitwright.control.reward import FAILED
from bitwright.errors import StoreError, WorkerError
from bitwright.execute import processes
from bitwright.execute.processes import ProcessExecutor
from bitwright.testing.executors import CHECKS, Hearing, Scripted, kill, scripted, until_file


def executor(recipe=Scripted, listener=None, *, workers=1, limit_s=None):
    return ProcessExecutor(recipe, listener or Hearing(), workers=workers, limit_s=limit_s)


def gone(process_id, patience_s=20.0):
    """Whether a process ends, or has ended, and was waited for by whoever started it."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not Path(f"/proc/{process_id}").exists():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contract(check):
    check(lambda recipe, listener, limit_s: executor(recipe, listener, workers=2, limit_s=limit_s))


@contextlib.contextmanager
def meanwhile(act):
    """Runs `act` in another thread, and waits for it at the end."""
    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def test_two_workers_work_at_once_and_the_quicker_comes_first(tmp_path):
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    pids = []

    def release():
        pids.extend((until_file(slow), until_file(quick)))
        quick.unlink()

    with executor(workers=2) as pool:
        for job in (scripted(0, "wait", slow), scripted(1, "wait", quick), scripted(2, "return")):
            pool.submit(job)
        with meanwhile(release):
            assert [pool.wait().number for _ in range(2)] == [1, 2]
        slow.unlink()
        assert pool.wait().number == 0
        assert sorted(pool.pids) == sorted(pids)
    assert len(set(pids)) == 2
    assert all(map(gone, pids))


def outcomes_with_kills(at, times):
    """What comes of three jobs, the second of which loses its worker so many times."""

    def kills():
        for _ in range(times):
            victim = until_file(at)
            at.unlink()
            kill(victim)
        if times < processes.MOST_LOSSES:
            until_file(at)
            at.unlink()

    hearing = Hearing()
    with executor(listener=hearing, workers=2) as pool, meanwhile(kills):
        stage = dataclasses.replace(scripted(1, "wait", at), fidelity=0.5, goes_on=0)
        for job in (scripted(0, "return"), stage, scripted(2, "return")):
            pool.submit(job)
        found = {}
        while (outcome := pool.wait()) is not None:
            found[outcome.number] = outcome
        pids = pool.pids
    assert all(map(gone, pids))
    assert (found[1].fidelity, found[1].goes_on) == (0.5, 0)
    return hearing, found


def test_a_killed_worker_costs_one_evaluation_which_is_run_again(tmp_path):
    hearing, found = outcomes_with_kills(tmp_path / "at", times=1)
    assert [found[number].state for number in range(3)] == ["complete"] * 3
    assert [found[number].lost for number in range(3)] == [0, 1, 0]
    assert sorted(hearing.started) == [0, 1, 1, 2]
    assert hearing.lost == [(1, "was killed by SIGKILL (out of memory?)")]
    assert (found[1].seed, found[1].reason) == (101, None)


def test_a_trial_that_was_lost_twice_has_failed_and_the_others_go_on(tmp_path):
    hearing, found = outcomes_with_kills(tmp_path / "at", times=2)
    assert [found[number].state for number in range(3)] == ["complete", "failed", "complete"]
    assert (found[1].reward, found[1].lost, found[1].seed) == (FAILED, 2, 101)
    assert found[1].reason == (
        "its worker process was killed by SIGKILL (out of memory?), for the second time"
    )
    assert hearing.started.count(1) == 2


def test_a_worker_that_ends_itself_is_a_lost_one_too():
    with executor() as pool:
        pool.submit(scripted(0, "exit"))
        pool.submit(scripted(1, "return"))
        first, second = pool.wait(), pool.wait()
    assert (first.number, first.state, first.lost) == (0, "failed", 2)
    assert "ended with exit code 3" in first.reason
    assert second.state == "complete"


def test_a_worker_that_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(processes, "GRACE_S", 0.5)
    with executor(limit_s=0.1) as pool:
        pool.submit(scripted(0, "hang"))
        pool.submit(scripted(1, "return"))
        found = pool.wait()
        assert (found.number, found.state, found.reward) == (0, "infeasible", FAILED)
        assert found.reason == (
            "the trial took more than 0.00166667 minutes (search.trial_minutes), "
            "and its worker process had to be killed"
        )
        assert found.seconds[0][1] >= 0.5
        assert pool.wait().state == "complete"


def test_what_is_held_back_while_others_run_stays_undone(tmp_path):
    at = tmp_path / "at"

    def release():
        until_file(at)
        pool.hold()
        at.unlink()

    with executor() as pool, meanwhile(release):
        pool.submit(scripted(0, "wait", at))
        pool.submit(scripted(1, "return"))
        assert pool.wait().number == 0
        assert pool.wait() is None


def test_trouble_brings_the_workers_traceback_along():
    with executor() as pool:
        pool.submit(scripted(0, "raise"))
        with pytest.raises(StoreError, match="the disk is full") as caught:
            pool.wait()
    assert "in _act" in str(caught.value.__cause__)


class Unpicklable:
    """A recipe that makes nothing in another process."""

    def __call__(self):
        return Scripted()

    def __reduce__(self):
        return int, ("no number",)


def test_a_recipe_that_fails_in_the_worker_says_why():
    with executor(Unpicklable()) as pool:
        pool.submit(scripted(0, "return"))
        with pytest.raises(ValueError, match="no number") as caught:
            pool.wait()
    assert "recipe.value()" in str(caught.value.__cause__)


def test_workers_that_die_before_they_can_begin_are_no_trials_fault():
    with executor(os.abort) as pool:
        pool.submit(scripted(0, "return"))
        with pytest.raises(WorkerError, match=r"killed by SIGABRT before it could begin.*__main__"):
            pool.wait()


def test_one_worker_may_die_before_it_can_begin():
    hearing = Hearing()
    with executor(listener=hearing) as pool:
        pool.submit(scripted(0, "return"))
        pool._hand_out()
        (victim,) = pool.pids
        kill(victim)
        assert pool.wait().state == "complete"
        assert pool.pids != (victim,)
    assert hearing.lost == []


PROGRAM = """
import sys
from pathlib import Path
from bitwright.execute.processes import ProcessExecutor
from bitwright.testing.executors import Hearing, Scripted, scripted

if __name__ == "__main__":
    with ProcessExecutor(Scripted, Hearing(), workers=2) as pool:
        for number in range(2):
            pool.submit(scripted(number, "wait", Path(sys.argv[1]) / str(number)))
        try:
            pool.wait()
        except KeyboardInterrupt:
            sys.exit(3)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 3), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_no_worker_survives_its_program(number, code, tmp_path):
    """Ctrl-C goes to all processes of the terminal, the other signals to the program alone."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    program = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [until_file(tmp_path / name) for name in "01"]
    if number == signal.SIGINT:
        os.killpg(program.pid, number)
    else:
        program.send_signal(number)
    _, err = program.communicate(timeout=60)
    assert program.returncode == code, err
    assert "Traceback" not in err
    assert all(map(gone, workers))
