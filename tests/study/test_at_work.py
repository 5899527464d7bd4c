"""Who is at work, as another program sees it."""

from pathlib import Path

from bitwright.execute.base import Job
from bitwright.records import Genome
from bitwright.study.at_work import AtWork
from bitwright.study.folder import Folder
from bitwright.study.view import StoppedBy
from bitwright.study.watch import Watcher


class Listening(Watcher):
    def __init__(self) -> None:
        self.stopped: list[StoppedBy] = []

    def search_done(self, stopped_by: StoppedBy) -> None:
        self.stopped.append(stopped_by)


def test_nobody_is_at_work_once_the_search_has_ended(tmp_path: Path) -> None:
    folder, inner = Folder(tmp_path), Listening()
    watcher = AtWork(inner, folder)
    with folder.locked():
        for number in (7, 8):
            watcher.trial_started(Job(number, 0, Genome("a"), seed=1))
        assert folder.at_work() == (7, 8)
        watcher.search_done("time")
        assert folder.at_work() == ()
    assert inner.stopped == ["time"]
