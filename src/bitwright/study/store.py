"""The study's memory: every outcome and document of a study, in an Optuna storage.

One outcome is one Optuna trial, written whole in one transaction: a program killed at any moment
leaves the trials before it and nothing of the one it was writing. The outcome itself, exactly, is
the trial's JSON record; `trial.py` says what else is written, for people to look at. Reading takes
only the records, in one query: Optuna's own trial objects for 1,000 trials cost 1.2 s, the records
5 ms.

Optuna is imported when a store is opened, not before: that takes over a second.
"""

import difflib
import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bitwright.errors import StoreError
from bitwright.records import (
    SCHEMA_VERSION,
    Outcome,
    Pick,
    outcome_from_json,
    outcome_to_json,
)
from bitwright.study.appending import Appender
from bitwright.study.database import MEND, clear_errors, close, closing_on_error, connect
from bitwright.study.trial import RECORD_KEY, trial_of

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

SCHEMA_KEY = "bitwright_schema"
RECORDS = (  # every trial's id, number and record, in order
    "SELECT t.trial_id, t.number, a.value_json FROM trials t "
    "LEFT JOIN trial_system_attributes a ON a.trial_id = t.trial_id AND a.key = :key "
    "WHERE t.study_id = :study AND t.trial_id > :last ORDER BY t.trial_id"
)


class Store:
    """One study in a database. One program writes it; any number may read it at the same time."""

    def __init__(self, storage: "RDBStorage", study_id: int, place: str) -> None:
        self._storage = storage
        self._study_id = study_id
        self._place = place
        self._outcomes: list[Outcome] = []
        self._last_trial_id = -1
        self._appender = Appender(storage, study_id)

    @classmethod
    def open(cls, url: str, name: str) -> "Store":
        """The study of that name, created where it is not there yet."""
        place, storage = connect(url, create=True)
        with clear_errors(place), closing_on_error(storage):
            study_id = _create(storage, name, place)
            return cls(storage, study_id, f"study '{name}' in {place}")

    @classmethod
    def open_existing(cls, url: str, name: str | None = None) -> "Store":
        """The study of that name, or without a name the only one; StoreError if there is none."""
        place, storage = connect(url, create=False)
        with clear_errors(place), closing_on_error(storage):
            study_id, name = _find(storage, name, place)
            return cls(storage, study_id, f"study '{name}' in {place}")

    def append(self, outcome: Outcome, declared: Mapping[str, tuple[Pick, ...]]) -> None:
        """Store the outcome as the study's next trial, whole or not at all.

        `declared` names every option of a path, the same for all trials of the study; a number at
        a path that is not declared becomes a plain parameter, a text there stays in the record.
        """
        try:
            text = outcome_to_json(outcome)
        except (TypeError, ValueError) as error:
            raise StoreError(
                f"{self._place}: trial {outcome.number} is no valid record ({error}); "
                "rewards and metrics must be finite numbers"
            ) from error
        written = outcome_from_json(text)
        trial = trial_of(written, text, declared, self._place, self._appender.met)
        with clear_errors(self._place):
            try:
                self._appender.append(trial, outcome.number)
            except StoreError as error:
                raise StoreError(f"{self._place}: {error}") from error
            except ValueError as error:  # Optuna's word for options that changed
                raise StoreError(
                    f"{self._place}: trial {outcome.number} does not fit the stored ones "
                    f"({error}); the search space has changed: start a new study in another folder"
                ) from error

    def outcomes(self, after: int = 0) -> tuple[Outcome, ...]:
        """The outcomes numbered `after` or higher, in order; none is read twice."""
        for trial_id, number, text in self._new_rows():
            self._outcomes.append(self._read(number, text))
            self._last_trial_id = trial_id
        return tuple(self._outcomes[after:])

    def put(self, key: str, value: Any) -> None:
        """Store a JSON document of the study under `key`, in place of the one before."""
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise StoreError(
                f"{self._place}: '{key}' is no JSON document ({error}); use plain finite values"
            ) from error
        with clear_errors(self._place):
            self._storage.set_study_user_attr(self._study_id, key, value)

    def get(self, key: str) -> Any | None:
        """The document stored under `key`, or None."""
        with clear_errors(self._place):
            return self._storage.get_study_user_attrs(self._study_id).get(key)

    def forget(self) -> None:
        """Deletes the study and all that is stored of it."""
        with clear_errors(self._place):
            self._storage.delete_study(self._study_id)

    def close(self) -> None:
        """Give the connections back. What is stored is safe without it."""
        close(self._storage)

    def _new_rows(self) -> list[tuple[int, int, str | None]]:
        import sqlalchemy

        query = sqlalchemy.text(RECORDS)
        values = {"key": RECORD_KEY, "study": self._study_id, "last": self._last_trial_id}
        with clear_errors(self._place), self._storage.engine.connect() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query, values)]

    def _read(self, number: int, text: str | None) -> Outcome:
        place = f"{self._place}, trial {number}"
        if text is None:
            raise StoreError(f"{place}: not written by bitwright; {MEND}")
        try:
            outcome = outcome_from_json(text)
        except StoreError as error:
            raise StoreError(f"{place}: {error}") from error
        if not number == outcome.number == len(self._outcomes):
            raise StoreError(
                f"{place}: its record says {outcome.number}, its place in the study is "
                f"{len(self._outcomes)}: trials are missing or doubled; {MEND}"
            )
        return outcome


def _create(storage: "RDBStorage", name: str, place: str) -> int:
    """The study's id. Takes up again a study whose creation was cut short."""
    import optuna

    study = optuna.create_study(
        study_name=name, storage=storage, direction="maximize", load_if_exists=True
    )
    study_id = storage.get_study_id_from_name(name)
    if SCHEMA_KEY not in study.user_attrs and not storage.get_n_trials(study_id):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(["reward"])
        study.set_user_attr(SCHEMA_KEY, SCHEMA_VERSION)
    _check_schema(study.user_attrs, f"study '{name}' in {place}")
    return study_id


def _find(storage: "RDBStorage", name: str | None, place: str) -> tuple[int, str]:
    studies = {study.study_name: study for study in storage.get_all_studies()}
    names = ", ".join(f"'{known}'" for known in studies)
    if not studies:
        raise StoreError(f"{place} holds no study; run 'bitwright search' to begin one")
    if name is None and len(studies) > 1:
        raise StoreError(f"{place} holds {len(studies)} studies; name one of {names}")
    name = next(iter(studies)) if name is None else name
    if name not in studies:
        near = difflib.get_close_matches(name, studies, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it holds {names}"
        raise StoreError(f"{place} holds no study '{name}'; {hint}")
    _check_schema(studies[name].user_attrs, f"study '{name}' in {place}")
    return studies[name]._study_id, name


def _check_schema(attributes: Mapping[str, Any], place: str) -> None:
    version = attributes.get(SCHEMA_KEY)
    if not isinstance(version, int):
        raise StoreError(f"{place} was not written by bitwright; choose another study name")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{place} has schema {version}, this program knows {SCHEMA_VERSION}; update bitwright"
        )
