"""What is read without Optuna is what the store says; and whatever is odd is left to the store."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bitwright.errors import StoreError
from bitwright.study import session
from bitwright.study.folder import Folder
from bitwright.study.reading import read
from bitwright.study.snapshot import snapshot
from bitwright.study.store import Store
from bitwright.testing.stores import DECLARED, complete, failed, infeasible, mixed


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A study of a dozen trials in every state, in a folder whose name needs quoting."""
    found = Folder(tmp_path / "100 % mine #1")
    found.make()
    store = Store.open(found.url(None), "toy")
    for number in range(12):
        make: Callable[[int], object] = (mixed, complete, infeasible, failed)[number % 4]
        store.append(make(number), DECLARED)
    store.put("state", {"state": "finished", "stopped_by": "time"})
    store.close()
    return found


def changed(folder: Folder, *statements: str) -> None:
    with sqlite3.connect(folder.database) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_it_says_what_the_store_says(folder: Folder) -> None:
    found = snapshot(folder.database)
    assert found is not None
    store = Store.open_existing(folder.url(None))
    assert found.outcomes() == store.outcomes()
    assert found.outcomes(after=9) == store.outcomes(after=9)
    assert (found.get("state"), found.get("nothing")) == (store.get("state"), None)
    assert read(found, "toy") == read(store, "toy")
    store.close()


def test_it_sees_what_is_being_written(folder: Folder) -> None:
    store = Store.open_existing(folder.url(None))
    store.append(complete(12), DECLARED)
    found = snapshot(folder.database)
    assert found is not None and len(found.outcomes()) == 13
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE study_user_attributes SET value_json = '99' WHERE key = 'bitwright_schema'",
        "DELETE FROM study_user_attributes WHERE key = 'bitwright_schema'",
        "DELETE FROM trials WHERE number = 5",
        "DELETE FROM trial_system_attributes WHERE trial_id = 3",
        "UPDATE trial_system_attributes SET value_json = '{}' WHERE trial_id = 3",
        "INSERT INTO studies (study_name) VALUES ('another')",
        "DELETE FROM studies",
        "DROP TABLE study_user_attributes",
    ],
)
def test_whatever_is_odd_is_left_to_the_store(folder: Folder, statement: str) -> None:
    changed(folder, statement)
    assert snapshot(folder.database) is None
    with pytest.raises(StoreError):
        session.view(folder.path)


def test_what_is_no_database_is_left_to_the_store(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"no database at all, but long enough to be looked into")
    for path in (tmp_path / "study.db", tmp_path / "nowhere.db", tmp_path):
        assert snapshot(path) is None


def test_looking_at_a_study_loads_neither_optuna_nor_sqlalchemy(folder: Folder) -> None:
    code = (
        "import sys; from bitwright.cli.app import run; assert run(['show', sys.argv[1]]) == 0\n"
        "heavy = {'optuna', 'sqlalchemy', 'alembic', 'torch', 'plotly'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    called = [sys.executable, "-c", code, str(folder.path)]
    done = subprocess.run(called, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "12 trials" in done.stdout
