"""Studies with several workers: the same search, whatever is killed, paused or resumed."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bitwright.errors import ConfigError
from bitwright.study.folder import Folder
from bitwright.study.session import run, view
from bitwright.study.watch import Watcher

pytestmark = pytest.mark.usefixtures("one_thread")


def children(process_id: int) -> list[int]:
    """The worker processes that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == process_id and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def busy_worker(process_id: int, folder: Path) -> int:
    """A worker that trains just now: two trials at work say that both have begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in children(process_id) if len(Folder(folder).at_work()) > 1 else ():
            if Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "R":
                return child
    raise AssertionError("no worker was ever at work")


def gone(process_ids: list[int]) -> bool:
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in process_ids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def outcomes(found: Any, repeatable: Any) -> list[Any]:
    return [repeatable(outcome) for outcome in found.outcomes]


@pytest.mark.slow
def test_50_trials_are_25_and_kill_9_of_the_program_and_25_with_two_workers(
    program: Any, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    """One worker goes on with them, and gives them from the start, if it looks as far ahead."""
    changes: dict[str, Any] = {
        "search__controller": "evolution",
        "search__options": {"batch": 5, "population": 10, "tournament": 3},
        "search__iterations": 10,
        "train__images": 64,
        "final__epochs": 1,
    }
    file = program.study(workers=2, **changes)
    running = program.start("search", file)
    running.wait_for("trial 24: ")
    workers = children(running.process.pid)
    assert len(workers) == 2
    assert running.stop(signal.SIGKILL).code == -signal.SIGKILL
    assert gone(workers)
    assert 25 <= len(view(tmp_path / "runs/study").outcomes) < 50

    alone = config(search__lookahead=1, **changes)
    resumed, whole = (run(alone, tmp_path / folder / "study") for folder in ("runs", "whole"))
    assert len(resumed.outcomes) == 50
    assert outcomes(resumed, repeatable) == outcomes(whole, repeatable)


def test_a_killed_worker_costs_an_evaluation_and_a_pause_loses_nothing(
    program: Any, config: Any, repeatable: Any, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"search__iterations": 6, "train__epochs": 15}
    file = program.study(workers=2, **changes)
    running = program.start("search", file)
    running.wait_for("trial 1: ")
    os.kill(busy_worker(running.process.pid, tmp_path / "runs/study"), signal.SIGKILL)
    running.wait_for("its worker was killed by SIGKILL (out of memory?); a trial is run again once")
    running.wait_for("trial 4: complete")
    assert view(tmp_path / "runs/study").at_work
    asked = program.run("pause", file)
    assert (asked.code, asked.err) == (0, "")
    paused = running.end()
    assert paused.code == 3, paused.err
    assert paused.err.endswith(
        "Paused; nothing recorded is lost. Go on with: bitwright search study.yaml\n"
    )
    half = view(tmp_path / "runs/study")
    assert (half.state, half.stopped_by, half.at_work) == ("interrupted", "user", ())
    assert 5 <= len(half.outcomes) < 12
    resumed = run(config(workers=2, **changes), tmp_path / "runs/study")
    whole = run(config(search__lookahead=1, **changes), tmp_path / "whole/study")
    assert (
        sum(outcome.lost for outcome in resumed.outcomes) <= 1
    )  # 0: it was redone after the pause
    assert [(o.genome, o.reward) for o in resumed.outcomes] == [
        (o.genome, o.reward) for o in whole.outcomes
    ]


def test_nobody_runs_a_study_that_could_be_paused(program: Any) -> None:
    file = program.study()
    asked = program.run("pause", file)
    assert asked.code == 2
    assert "no program runs the study in 'runs/study'" in asked.err


class Pausing(Watcher):
    """Asks for a pause once the final training has begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def phase(self, name: str, detail: str = "") -> None:
        if name == "final":
            (self.folder / ".pause").touch()


def test_a_final_training_pauses_after_an_epoch_and_goes_on(config: Any, tmp_path: Path) -> None:
    study = config(final__epochs=4)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "a/study", Pausing(tmp_path / "a/study"))
    assert (tmp_path / "a/study/model.checkpoint.pt").exists()
    assert not (tmp_path / "a/study/.pause").exists()
    resumed = run(study, tmp_path / "a/study")
    whole = run(study, tmp_path / "b/study")
    assert resumed.final is not None and whole.final is not None
    assert resumed.final.curve == whole.final.curve


def test_the_lookahead_may_not_change_even_with_the_workers(config: Any, tmp_path: Path) -> None:
    run(config(search__lookahead=1), tmp_path / "study")
    with pytest.raises(ConfigError, match=r"search.lookahead = 1, now it is 2"):
        run(config(workers=2, search__lookahead=2), tmp_path / "study")
    with pytest.raises(ConfigError, match=r"search.lookahead = 1, now it is 0"):
        run(config(), tmp_path / "study")


def test_every_candidate_may_run_out_of_time(config: Any, tmp_path: Path) -> None:
    from bitwright.errors import InfeasibleError

    with pytest.raises(InfeasibleError, match="none of 4 candidates"):
        run(config(search__trial_minutes=1e-6), tmp_path / "study")
    found = view(tmp_path / "study")
    assert {outcome.state for outcome in found.outcomes} == {"infeasible"}
    assert "search.trial_minutes" in str(found.outcomes[0].reason)
