"""A study's folder: where things lie, and who may write there."""

import errno
import os
from pathlib import Path

import pytest

from bitwright.errors import ConfigError, StoreError
from bitwright.study.folder import Folder


@pytest.mark.parametrize(
    ("study", "folder"),
    [
        ("examples/digits.yaml", "runs/digits"),
        ("digits.yml", "runs/digits"),
        ("runs/digits", "runs/digits"),
        ("runs/v1.2", "runs/v1.2"),
    ],
)
def test_a_study_is_a_file_or_a_folder(study: str, folder: str) -> None:
    assert Folder.of(study) == Folder.of(Path(study)) == Folder(Path(folder))


def test_everything_lies_in_the_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "digits")
    assert folder.name == "digits"
    places = (folder.settings, folder.database, folder.model, folder.baseline, folder.report)
    assert [place.name for place in places] == [
        *("study.yaml", "study.db", "model.onnx", "baseline.onnx", "report.html"),
    ]
    assert {place.parent for place in places} == {folder.path}
    assert folder.url(None) == f"sqlite:///{tmp_path}/digits/study.db"
    assert folder.url("postgresql://host/db") == "postgresql://host/db"


def test_making_it_twice_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a/b/study")
    folder.make()
    folder.make()
    assert [path.name for path in folder.path.iterdir()] == ["trials"]


def test_a_file_in_its_place_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("mine")
    with pytest.raises(StoreError, match=r"study' cannot be written \(.*\); name another"):
        Folder(tmp_path / "study").make()
    assert (tmp_path / "study").read_text() == "mine"


def test_only_one_may_work_in_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert not folder.in_use()
    with folder.locked():
        assert folder.in_use()
        with pytest.raises(ConfigError, match="another bitwright works in"), folder.locked():
            pass
    assert not folder.in_use()
    with folder.locked():
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device; free some space and run the same command again"),
        (errno.EIO, "Input/output error; mend that and run the same command again"),
    ],
)
def test_the_file_system_is_quoted_with_a_remedy(number: int, words: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(StoreError) as named, folder.clear_errors():
        raise OSError(number, os.strerror(number), "a/file")
    assert str(named.value) == f"'a/file': {words}"
    with pytest.raises(StoreError) as nameless, folder.clear_errors():
        raise OSError(number, os.strerror(number))
    assert str(nameless.value) == f"'{tmp_path}': {words}"
