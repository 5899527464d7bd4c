"""A connection to the database of studies, and its troubles in words that a user can act on.

SQLite keeps its default journal: write-ahead logging would spread a study over three files.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitwright.errors import StoreError
from bitwright.study.interrupts import interrupts_wait

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import URL

LOCK_WAIT_S = 30.0  # until a lock that another program holds is reported
MEND = "restore it from a copy, or move it away and start the study anew"
_SQLITE_TROUBLE = (  # the beginning of SQLite's error name, the law broken, the remedy
    ("SQLITE_NOTADB", "it is not a SQLite database", MEND),
    ("SQLITE_CORRUPT", "the file is damaged", MEND),
    ("SQLITE_FULL", "the disk is full", "free some space and run the same command again"),
    ("SQLITE_IOERR", "the disk refuses", "check its free space and health, then run again"),
    ("SQLITE_READONLY", "it is read-only", "make the file and its folder writable"),
    ("SQLITE_CANTOPEN", "it cannot be opened", "make its folder and the file in it writable"),
    ("SQLITE_BUSY", "another program has locked it", "end that program, then run again"),
)


def connect(url: str, *, create: bool) -> tuple[str, "RDBStorage"]:
    """The database's readable name and its storage. Without `create` nothing is written to it."""
    import optuna
    import sqlalchemy
    from optuna.storages import RDBStorage

    try:
        parsed = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise StoreError(
            f"'{url}' is no database address; write sqlite:////folder/study.db or "
            "postgresql://user@host/database"
        ) from error
    path = _sqlite_path(parsed)
    place = str(path or parsed.render_as_string(hide_password=True))
    if path is not None:
        _check_path(path, create=create)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with clear_errors(place):
        options = _options(parsed)
        if not create and not _has_tables(url, options):
            raise StoreError(f"{place} holds no study; run 'bitwright search' to begin one")
        if create and path is not None:
            _make_tables(path)
        braced = url.replace("{", "{{").replace("}", "}}")  # Optuna takes it for a template
        storage = RDBStorage(braced, engine_kwargs=options)
        if path is not None:
            with closing_on_error(storage):
                _check_pages(storage, place)
    return place, storage


def _sqlite_path(url: "URL") -> Path | None:
    named = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)).absolute() if named else None


def _check_path(path: Path, *, create: bool) -> None:
    if not create and not path.exists():
        raise StoreError(f"{path}: no such study; run 'bitwright search' to begin one")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: its folder does not exist; create it")
    if path.is_dir():
        raise StoreError(f"{path} is a folder; name a file in it")


def _options(url: "URL") -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": LOCK_WAIT_S}}
    return {"pool_pre_ping": True}  # a server may have dropped the line during a long training


def _has_tables(url: str, options: Mapping[str, Any]) -> bool:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url, **options)
    try:
        return bool(sqlalchemy.inspect(engine).has_table("alembic_version"))  # created last
    finally:
        engine.dispose()


def _make_tables(path: Path) -> None:
    """Make Optuna's tables in one transaction, where there are none.

    Optuna makes them one by one, and never adds what a kill in between left out: without its index
    on names the database takes the same study twice.
    """
    with contextlib.closing(
        sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)
    ) as connection:
        if _has_schema(connection):
            return
        statements = _table_statements()
        connection.execute("BEGIN IMMEDIATE")
        if not _has_schema(connection):  # another program may have been quicker
            for statement in statements:
                connection.execute(statement)
        connection.execute("COMMIT")


def _has_schema(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _table_statements() -> list[str]:
    """What makes a fresh Optuna database, read off one in memory."""
    from optuna.storages import RDBStorage

    storage = RDBStorage("sqlite://")
    try:
        with contextlib.closing(storage.engine.raw_connection()) as pooled:
            memory: Any = pooled.driver_connection
            dump = list(memory.iterdump())
    finally:
        close(storage)
    return dump[1:-1]  # without BEGIN and COMMIT


def _check_pages(storage: "RDBStorage", place: str) -> None:
    """Look for damage before the study goes on; 10 ms for 1,000 trials."""
    import sqlalchemy

    with storage.engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("PRAGMA quick_check(1)")).scalar()
    if found != "ok":
        raise StoreError(f"{place}: the file is damaged ({found}); {MEND}")


def close(storage: "RDBStorage") -> None:
    """Give the storage's connections back."""
    storage.remove_session()
    storage.engine.dispose()


@contextlib.contextmanager
def closing_on_error(storage: "RDBStorage") -> Iterator[None]:
    """Leave no connection open behind an error."""
    with contextlib.ExitStack() as stack:
        stack.callback(close, storage)
        yield
        stack.pop_all()


@contextlib.contextmanager
def clear_errors(place: str) -> Iterator[None]:
    """Turn whatever the database may say into one StoreError with place, value and remedy.

    An interrupt waits until the database is at rest.
    """
    import optuna
    import sqlalchemy

    try:
        with interrupts_wait():
            yield
    except StoreError:
        raise
    except ImportError as error:
        raise StoreError(
            f"{place}: the database's driver is missing ({_root(error)}); install it, for "
            "PostgreSQL with: pip install 'psycopg[binary]'"
        ) from error
    except (
        sqlite3.Error,
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
    ) as error:
        raise StoreError(f"{place}: {_database_trouble(error)}") from error
    except RuntimeError as error:  # Optuna's tables are older or newer than this Optuna
        raise StoreError(f"{place}: {error}") from error


def _database_trouble(error: BaseException) -> str:
    error = _root(error)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorname", "")
        for beginning, law, remedy in _SQLITE_TROUBLE:
            if code.startswith(beginning):
                return f"{law} ({error}); {remedy}"
    return f"{' '.join(str(error).split())}; check the database and its address, then run again"


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
