"""A stored study read straight out of its SQLite file, for those who only look.

Optuna and SQLAlchemy, through which a study is written, take half a second to import. Where the
file is not just as it should be, nothing is said here: `Store` opens it and knows the words.
"""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bitwright.errors import StoreError
from bitwright.records import SCHEMA_VERSION, Outcome, outcome_from_json
from bitwright.study.database import LOCK_WAIT_S
from bitwright.study.store import RECORDS, SCHEMA_KEY
from bitwright.study.trial import RECORD_KEY


class Snapshot:
    """A study as it stood when it was looked at; reads like a `Store`."""

    def __init__(self, outcomes: tuple[Outcome, ...], documents: dict[str, Any]) -> None:
        self._outcomes = outcomes
        self._documents = documents

    def outcomes(self, after: int = 0) -> tuple[Outcome, ...]:
        """The outcomes numbered `after` or higher, in order."""
        return self._outcomes[after:]

    def get(self, key: str) -> Any | None:
        """The document stored under `key`, or None."""
        return self._documents.get(key)


def snapshot(path: Path) -> Snapshot | None:
    """The only study in the file; None where anything about it needs a word."""
    if not path.is_file():
        return None
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=LOCK_WAIT_S, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN")  # so that all that is read is of one moment
            return _read(connection)
    except (sqlite3.Error, StoreError, ValueError, TypeError):
        return None


def _read(connection: sqlite3.Connection) -> Snapshot | None:
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        return None
    studies = connection.execute("SELECT study_id FROM studies").fetchall()
    if len(studies) != 1:
        return None
    [(study,)] = studies
    attributes = connection.execute(
        "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?", (study,)
    )
    documents = {key: json.loads(text) for key, text in attributes}
    version = documents.get(SCHEMA_KEY)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        return None
    rows = connection.execute(RECORDS, {"key": RECORD_KEY, "study": study, "last": -1}).fetchall()
    outcomes = tuple(outcome_from_json(text) for _, _, text in rows)
    whole = all(
        number == outcome.number == at
        for at, ((_, number, _), outcome) in enumerate(zip(rows, outcomes, strict=True))
    )
    return Snapshot(outcomes, documents) if whole else None
