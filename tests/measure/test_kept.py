"""Numbers in the cache: kept whole, and begun anew where a file is broken."""

from pathlib import Path

import pytest

from bitwright.measure.kept import store, stored


def test_numbers_come_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "t.json"
    assert stored(path) == {}
    store(path, {"a": 1, "b": 0.5})
    assert stored(path) == {"a": 1, "b": 0.5}
    assert [found.name for found in path.parent.iterdir()] == ["t.json"]


@pytest.mark.parametrize(
    "text", ["", '{"a": 1, "b"', "[1, 2]", '{"a": "fast"}', '{"a": null}', "\xff"]
)
def test_a_broken_file_is_told_and_begun_anew(text: str, tmp_path: Path, caplog) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(text.encode("latin-1"))
    assert stored(path) == {}
    assert f"'{path}'" in caplog.text and "begun anew" in caplog.text
    store(path, {"a": 1})
    assert stored(path) == {"a": 1}


def test_a_folder_that_cannot_be_is_told_and_ends_nothing(tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    store(tmp_path / "file" / "t.json", {"a": 1})
    assert "is not kept in" in caplog.text
