"""The store gives back what it was given, survives any death, and says what is wrong."""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
import sqlalchemy

from bitwright.errors import StoreError
from bitwright.records import outcome_to_json
from bitwright.study import database
from bitwright.study.store import Store
from bitwright.study.trial import trial_of
from bitwright.testing.stores import (
    CHECKS,
    DECLARED,
    append_forever,
    complete,
    failed,
    infeasible,
    mixed,
)

POSTGRES = os.environ.get("BITWRIGHT_TEST_POSTGRES", "")


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "study.db"


@pytest.fixture
def url(path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def thirty(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("thirty") / "study.db"
    store = Store.open(f"sqlite:///{path}", "toy")
    for number in range(30):
        store.append(mixed(number), DECLARED)
    store.close()
    return path


@pytest.fixture
def stored(thirty, path) -> Path:
    """A study of 30 outcomes, closed."""
    return Path(shutil.copyfile(thirty, path))


@pytest.fixture
def impatient(monkeypatch) -> None:
    """No long waiting for locks."""
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.05)


def change(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


def trials(url: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=None, storage=url).trials


# ---- the contract


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract_on_sqlite(check, url):
    check(url)


@pytest.mark.skipif(not POSTGRES, reason="BITWRIGHT_TEST_POSTGRES names no empty database")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract_on_postgresql(check):
    engine = sqlalchemy.create_engine(POSTGRES)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine)
    tables.drop_all(engine)
    engine.dispose()
    check(POSTGRES)


def test_a_path_may_hold_braces_and_blanks(tmp_path):
    folder = tmp_path / "my {study} 100%"
    folder.mkdir()
    url = f"sqlite:///{folder / 'study.db'}"
    Store.open(url, "toy").close()
    Store.open_existing(url).close()
    assert [file.name for file in folder.iterdir()] == ["study.db"]


# ---- what people see in Optuna's tools


def test_a_complete_trial_is_readable(url):
    store = Store.open(url, "toy")
    store.append(complete(0), DECLARED)
    store.close()
    study = optuna.load_study(study_name="toy", storage=url)
    trial = study.best_trial
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.metric_names == ["reward"]
    assert trial.value == complete(0).reward
    assert trial.params == complete(0).genome.as_dict()
    assert trial.distributions["body/1/width"].choices == (8, 16, 32)
    assert trial.user_attrs == {
        "state": "complete",
        "iteration": 0,
        "accuracy": 1 / 1.1,
        "packed_bytes": 4096,
        "latency_ms": 0.3,
        "latency_ms_spread": 0.01,
        "bits": "weights 2-8, mean 5.0; activations 4-4, mean 4.0",
        "model": "models/0.onnx",
        "seconds": {"build": 0.25, "train": 61.5},
    }
    assert trial.duration is not None
    assert trial.duration.total_seconds() == pytest.approx(61.75)


def test_infeasible_and_failed_trials_are_shown_as_such(url):
    store = Store.open(url, "toy")
    for outcome in (infeasible(0), failed(1), complete(2)):
        store.append(outcome, DECLARED)
    store.close()
    first, second, third = trials(url)
    assert first.state == optuna.trial.TrialState.COMPLETE
    assert first.value == -0.7
    assert list(first.constraints.values()) == [0.7]
    assert first.system_attrs["constraints"] == [0.7]  # where the dashboard looks
    assert first.user_attrs["reason"] == "latency_ms 0.3 is over 0.2"
    assert second.state == optuna.trial.TrialState.FAIL
    assert second.value is None
    assert second.user_attrs["reward"] == -1.0
    assert second.user_attrs["reason"] == "ValueError"
    assert "traceback" not in second.user_attrs  # the dashboard prints it on one endless line
    assert second.system_attrs["record"]["traceback"] == failed(1).traceback
    assert third.constraints == {}
    assert optuna.load_study(study_name="toy", storage=url).best_trial.number == 2


def test_the_rows_are_those_that_optuna_writes(url, tmp_path):
    ours = Store.open(url, "toy")
    _, theirs = database.connect(f"sqlite:///{tmp_path}/theirs.db", create=True)
    study = optuna.create_study(study_name="toy", storage=theirs, direction="maximize")
    for number in range(6):
        ours.append(mixed(number), DECLARED)
        text = outcome_to_json(mixed(number))
        study.add_trial(trial_of(mixed(number), text, DECLARED, "toy"))
    ours.close()
    for mine, other in zip(trials(url), study.trials, strict=True):
        mine.datetime_start, mine.datetime_complete = other.datetime_start, other.datetime_complete
        assert mine == other
    for table in ("trials", "trial_values", "trial_params", "trial_user_attributes"):
        statement = f"SELECT * FROM {table}"
        if table == "trials":
            statement = "SELECT trial_id, number, study_id, state FROM trials"
        with contextlib.closing(sqlite3.connect(tmp_path / "study.db")) as connection:
            mine = connection.execute(statement).fetchall()
        with contextlib.closing(sqlite3.connect(tmp_path / "theirs.db")) as connection:
            assert connection.execute(statement).fetchall() == mine
    database.close(theirs)


def test_undeclared_numbers_become_parameters_and_texts_stay_in_the_record(url):
    store = Store.open(url, "toy")
    for number in range(3):
        store.append(complete(number), {})
    assert store.outcomes() == tuple(complete(number) for number in range(3))
    store.close()
    assert [trial.params for trial in trials(url)] == [
        {"body/1/width": 8.0, "body/1/dropout": 0.0},
        {"body/1/width": 16.0, "body/1/dropout": 0.1},
        {"body/1/width": 32.0, "body/1/dropout": 0.5},
    ]


# ---- what cannot be stored


def test_numbers_that_json_lacks_are_refused(url):
    store = Store.open(url, "toy")
    bad_reward = dataclasses.replace(complete(0), reward=float("nan"))
    bad_seed = dataclasses.replace(complete(0), seed=np.int64(3))
    for outcome in (bad_reward, bad_seed):
        with pytest.raises(StoreError, match=r"study\.db: trial 0 is no valid record"):
            store.append(outcome, DECLARED)
    with pytest.raises(StoreError, match=r"'final' is no JSON document"):
        store.put("final", {"accuracy": float("inf")})
    assert store.outcomes() == ()
    assert store.get("final") is None
    store.close()


def test_a_pick_outside_the_declared_options_is_refused(url):
    store = Store.open(url, "toy")
    with pytest.raises(StoreError, match=r"pick 8 of 'body/1/width' is none of the declared \[1\]"):
        store.append(complete(0), {**DECLARED, "body/1/width": (1,)})
    store.close()
    assert trials(url) == []


def test_options_that_changed_are_refused_and_nothing_is_written(url):
    store = Store.open(url, "toy")
    store.append(complete(0), DECLARED)
    with pytest.raises(StoreError, match="search space has changed"):
        store.append(complete(1), {**DECLARED, "body/1/width": (8, 16)})
    store.append(complete(1), DECLARED)
    assert store.outcomes() == (complete(0), complete(1))
    store.close()


def test_equal_options_in_another_object_are_the_same_options(url):
    """A tuple is compared by what it holds; that it is the same object only saves the look."""
    store = Store.open(url, "toy")
    for number in range(3):
        fresh = {path: tuple(list(options)) for path, options in DECLARED.items()}
        store.append(complete(number), DECLARED if number == 1 else fresh)
    store.close()
    shown = [trial.distributions for trial in trials(url)]
    assert shown[0] == shown[1] == shown[2]


# ---- killed at any moment


def test_killed_at_any_moment_it_loses_no_stored_trial(url, path):
    """What was stored stays, the trial in hand is not there at all, and the study goes on."""
    moments = random.Random(4)
    stored = 0
    for _ in range(8):
        enough = functools.partial(_has_trials, path, stored + moments.randint(1, 4))
        _append_and_die(url, enough, moments.uniform(0.0, 0.05))
        store = Store.open(url, "toy")
        outcomes = store.outcomes()
        last = store.get("state")
        store.close()
        assert outcomes == tuple(mixed(number) for number in range(len(outcomes)))
        assert len(outcomes) >= stored
        if len(outcomes) - stored > 1:  # each document was stored before the next trial
            assert len(outcomes) - 2 <= last["last"] < len(outcomes)
        stored = len(outcomes)
    assert stored >= 8
    assert all(trial.state.is_finished() for trial in trials(url))
    assert [len(trial.params) for trial in trials(url)] == [4] * stored


def test_killed_while_the_database_is_made_it_is_made_whole_later(tmp_path, thirty):
    """Optuna alone leaves a database here that takes the same study twice."""
    moments = random.Random(2)
    for death in range(8):
        path = tmp_path / f"{death}.db"
        url = f"sqlite:///{path}"
        _append_and_die(url, path.exists, moments.uniform(0.0, 0.06))
        store = Store.open(url, "toy")
        number = len(store.outcomes())
        store.append(mixed(number), DECLARED)
        store.close()
        assert _schema(path) == _schema(thirty)
        assert optuna.load_study(study_name=None, storage=url).metric_names == ["reward"]


def _append_and_die(url: str, condition: Callable[[], bool], seconds: float) -> None:
    """Append in another process until so many seconds after the condition holds; then kill it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bitwright.testing.stores", "optuna", "optuna.storages"])
    process = context.Process(target=append_forever, args=(url, "toy"))
    process.start()
    _wait_until(condition)
    time.sleep(seconds)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _schema(path: Path) -> set[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master"))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def _has_trials(path: Path, number: int) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return False
        return bool(connection.execute("SELECT count(*) >= ? FROM trials", (number,)).fetchone()[0])


# ---- studies that are not there, or not ours


def test_a_missing_study_is_not_created(url, path, tmp_path):
    with pytest.raises(StoreError, match=r"study\.db: no such study; run 'bitwright search'"):
        Store.open_existing(url)
    assert not path.exists()
    with pytest.raises(StoreError, match=r"its folder does not exist; create it"):
        Store.open(f"sqlite:///{tmp_path / 'no' / 'study.db'}", "toy")
    with pytest.raises(StoreError, match=r"is a folder; name a file in it"):
        Store.open(f"sqlite:///{tmp_path}", "toy")


def test_a_database_without_tables_is_left_alone(url, path):
    path.touch()
    with pytest.raises(StoreError, match=r"study\.db holds no study"):
        Store.open_existing(url)
    assert path.stat().st_size == 0


def test_the_study_is_found_by_name_or_by_being_alone(url):
    Store.open(url, "fashion").close()
    Store.open_existing(url).close()
    with pytest.raises(StoreError, match=r"holds no study 'fasion'; did you mean 'fashion'\?"):
        Store.open_existing(url, "fasion")
    Store.open(url, "digits").close()
    with pytest.raises(StoreError, match=r"holds 2 studies; name one of 'fashion', 'digits'"):
        Store.open_existing(url)
    Store.open_existing(url, "digits").close()


def test_another_programs_study_is_refused(url):
    study = optuna.create_study(storage=url, study_name="theirs")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    for opened in (Store.open, Store.open_existing):
        with pytest.raises(StoreError, match=r"'theirs' in .*study\.db was not written by bit"):
            opened(url, "theirs")
    assert study.metric_names is None


def test_a_trial_of_another_program_is_refused(url, stored):
    optuna.load_study(study_name="toy", storage=url).enqueue_trial({"body/1/width": 8})
    store = Store.open_existing(url)
    for _ in range(2):  # asking again does not make it good
        with pytest.raises(StoreError, match=r"trial 30: not written by bitwright; restore"):
            store.outcomes()
    store.close()


@pytest.mark.parametrize(
    "address",
    ["study.db", "nosuch://host/db", "postgresql+nosuchdriver://host/db"],
)
def test_an_address_that_names_no_database(address):
    with pytest.raises(StoreError):
        Store.open(address, "toy")


def test_an_unreachable_server_is_named_without_its_password():
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://me:secret@127.0.0.1:1/study", "toy")
    assert "me:***@127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


# ---- newer versions


def test_a_newer_study_is_refused(url, stored):
    change(
        stored,
        "UPDATE study_user_attributes SET value_json = '2' WHERE key = ?",
        "bitwright_schema",
    )
    for opened in (Store.open, Store.open_existing):
        with pytest.raises(StoreError, match=r"has schema 2, this program knows 1; update bit"):
            opened(url, "toy")


def test_a_newer_record_is_refused(url, stored):
    change(
        stored,
        "UPDATE trial_system_attributes SET value_json = json_set(value_json, '$.schema', 2) "
        "WHERE key = 'record' AND trial_id = 6",
    )
    store = Store.open(url, "toy")
    with pytest.raises(StoreError, match=r"trial 5: .* schema 2, this program knows 1; update"):
        store.outcomes()
    store.close()


def test_newer_optuna_tables_are_refused(url, stored):
    change(stored, "UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    with pytest.raises(StoreError, match=r"study\.db: .*updating optuna"):
        Store.open(url, "toy")


# ---- damage


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE trial_system_attributes SET value_json = '{\"number\": 4' WHERE trial_id = 5",
            r"trial 4: a trial's record cannot be read .*restore the database",
        ),
        (
            "UPDATE trial_system_attributes SET value_json = "
            "json_remove(value_json, '$.genome.picks') WHERE trial_id = 5",
            r"trial 4: a trial's record cannot be read \(KeyError: 'picks'\); restore",
        ),
        (
            "UPDATE trial_system_attributes SET value_json = "
            "json_set(value_json, '$.policy', json('{\"head.weight\": \"lsq:99\"}')) "
            "WHERE trial_id = 5",
            r"trial 4: .*99 bits",
        ),
        (
            "DELETE FROM trials WHERE trial_id = 5",
            r"trial 5: its record says 5, its place in the study is 4: trials are missing",
        ),
        (
            "UPDATE trial_system_attributes SET value_json = json_set(value_json, '$.number', 3) "
            "WHERE trial_id = 5",
            r"trial 4: its record says 3, its place in the study is 4",
        ),
    ],
    ids=["cut", "field lost", "impossible method", "trial lost", "number wrong"],
)
def test_a_damaged_record_is_named(url, stored, statement, message):
    change(stored, statement)
    store = Store.open_existing(url)
    with pytest.raises(StoreError, match=message):
        store.outcomes()
    store.close()


def _overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


DAMAGE = {
    "not a database": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(5000)),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "last page gone": lambda path: os.truncate(path, path.stat().st_size - 4096),
    "cut in the header": lambda path: os.truncate(path, 50),
    "a page of noise": lambda path: _overwrite(
        path, path.stat().st_size // 8192 * 4096, random.Random(0).randbytes(4096)
    ),
    "header of noise": lambda path: _overwrite(path, 16, random.Random(0).randbytes(84)),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
@pytest.mark.parametrize("opened", [Store.open, Store.open_existing], ids=["open", "existing"])
def test_a_damaged_file_is_refused_and_left_as_it_is(url, stored, damage, opened):
    DAMAGE[damage](stored)
    before = stored.read_bytes()
    with pytest.raises(StoreError, match=r"study\.db: (it is not a SQLite|the file is damaged).*"):
        opened(url, "toy")
    assert stored.read_bytes() == before


# ---- the disk and other programs


def test_a_folder_that_nobody_can_write():
    with pytest.raises(StoreError, match=r"/proc/study\.db: it cannot be opened .*writable"):
        Store.open("sqlite:////proc/study.db", "toy")


def test_a_locked_database_is_waited_for_then_named(url, stored, impatient):
    store = Store.open(url, "toy")
    other = sqlite3.connect(stored, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    locked = r"study 'toy' in .*study\.db: another program has locked it .*end that program"
    with pytest.raises(StoreError, match=locked):
        store.append(mixed(30), DECLARED)
    with pytest.raises(StoreError, match=locked):
        store.put("state", "finished")
    with pytest.raises(StoreError, match="another program has locked it"):
        Store.open_existing(url)
    other.execute("ROLLBACK")
    other.close()
    store.append(mixed(30), DECLARED)
    assert len(store.outcomes()) == 31
    store.close()


FILL = """
import itertools, resource, signal, sys
from bitwright.errors import StoreError
from bitwright.study.store import Store
from bitwright.study.trial import trial_of
from bitwright.testing.stores import DECLARED, mixed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(sys.argv[1], "toy")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for number in itertools.count(len(store.outcomes())):
    try:
        store.append(mixed(number), DECLARED)
    except StoreError as error:
        sys.exit(f"{number} {error}")
"""


def test_a_disk_that_takes_no_more_loses_nothing(url, stored):
    """The operating system itself refuses to let the file grow, as a full disk does."""
    limit = str(stored.stat().st_size + 50_000)
    ended = subprocess.run(
        [sys.executable, "-c", FILL, url, limit], capture_output=True, text=True, check=False
    )
    number, message = ended.stderr.strip().split(" ", 1)
    assert "study.db: the disk refuses" in message
    assert "check its free space" in message
    store = Store.open(url, "toy")
    assert store.outcomes() == tuple(mixed(n) for n in range(int(number)))
    assert int(number) > 30
    store.append(mixed(int(number)), DECLARED)
    store.close()


def test_a_full_database_loses_nothing(url, stored, impatient):
    """SQLite's own limit on pages gives the error that it gives on a full disk."""
    store = Store.open(url, "toy")
    pages = stored.stat().st_size // 4096
    sqlalchemy.event.listen(
        store._storage.engine,
        "checkout",
        lambda connection, *_: connection.execute(f"PRAGMA max_page_count = {pages + 2}"),
    )
    with pytest.raises(StoreError, match=r"the disk is full \(.*\); free some space") as caught:
        for number in range(30, 60):
            store.append(mixed(number), DECLARED)
    assert "study 'toy'" in str(caught.value)
    assert store.outcomes() == tuple(mixed(n) for n in range(len(store.outcomes())))
    store.close()


# ---- cost


def test_importing_the_store_does_not_import_optuna():
    code = "import sys, bitwright.study.store; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_append_does_not_get_dearer_as_the_study_grows(url, stored):
    """Counted in statements, which no busy machine can disturb."""
    store = Store.open(url, "toy")
    counts = []
    statements: list[str] = []
    sqlalchemy.event.listen(
        store._storage.engine,
        "before_cursor_execute",
        lambda _c, _k, statement, *_: statements.append(statement),
    )
    for number in range(30, 63):
        statements.clear()
        store.append(complete(number), DECLARED)
        counts.append(len(statements))
    assert set(counts[1:]) == {7}, "the first one asks for the options that parameters have"
    statements.clear()
    store.outcomes()
    store.outcomes()
    assert len(statements) == 2
    store.close()
